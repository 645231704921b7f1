"""Random account states, snapshots with unread sections, and histories of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATABASES = ("", "sales", "my.db")
SECTION_NAMES = tuple(SectionName)

names = st.sampled_from(
    [
        "app",
        "APP",
        "a b",
        "o'brien",
        'q"uote',
        "50%",
        "under_score",
        "back\\slash",
        "用户",
        "x" * 128,
    ]
)
options = st.sampled_from([None, True, False])
values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "infinity", "scram"])
)

securables = st.builds(
    Securable,
    kind=st.sampled_from(SecurableKind),
    database=st.sampled_from(["", "sales", "we%ird"]),
    schema=st.sampled_from(["", "public", "S"]),
    name=st.sampled_from(["", "orders", 'Or"ders']),
    column=st.sampled_from(["", "id"]),
    catalog=st.sampled_from(DATABASES),
)
grants = st.builds(
    Grant,
    securable=securables,
    privilege=st.sampled_from(["SELECT", "INSERT", "bit 40"]),
    grantable=st.booleans(),
    deny=st.booleans(),
    grantor=st.sampled_from(["", "root"]),
    recognised=st.booleans(),
)
memberships = st.builds(
    Membership, role=names, admin=st.booleans(), inherit=options, set_role=options, default=options
)
settings = st.builds(
    AccountSetting,
    database=st.sampled_from(DATABASES),
    name=st.sampled_from(["work_mem", "search_path"]),
    value=st.sampled_from(["", "4MB", '"$user", public']),
)


def in_database(state: AccountState) -> AccountState:
    """An account of a database has it in its name: an account never moves."""
    name = f"[{state.database}].[{state.name}]" if state.database else state.name
    return replace(state, name=name)


def states(name: st.SearchStrategy[str] = names) -> st.SearchStrategy[AccountState]:
    return st.builds(
        AccountState,
        name=name,
        kind=st.sampled_from(AccountKind),
        can_login=st.booleans(),
        is_locked=st.booleans(),
        is_superuser=st.booleans(),
        database=st.sampled_from(DATABASES),
        attributes=st.dictionaries(
            st.sampled_from(["plugin", "valid_until", "limit"]), values, max_size=3
        ).map(lambda items: tuple(items.items())),
        memberships=st.lists(memberships, max_size=3).map(tuple),
        settings=st.lists(settings, max_size=2).map(tuple),
        grants=st.lists(grants, max_size=5).map(tuple),
    )


statuses = st.sampled_from(
    [SectionStatus.READ, SectionStatus.READ, SectionStatus.DENIED, SectionStatus.FAILED]
)


# Made once, not for each snapshot: see sizes.py.
_found = st.lists(states().map(in_database), unique_by=lambda s: s.name, max_size=5)
_present = st.sets(st.sampled_from(DATABASES[1:]))


@st.composite
def snapshots(draw: st.DrawFn, *, complete: bool = False) -> Snapshot:
    """A snapshot whose accounts are those of read lists, as a server would say them.

    Some of the databases may have been dropped: nothing is read of them.
    """
    present = DATABASES if complete else ("", *draw(_present))
    keys = [SectionKey(name, database) for name in SECTION_NAMES for database in present]
    sections = {
        key: SectionReport(SectionStatus.READ if complete else draw(statuses)) for key in keys
    }
    sections[SectionKey(SectionName.ACCOUNTS)] = SectionReport(SectionStatus.READ)
    found = draw(_found)
    read = {key for key, report in sections.items() if report.status is SectionStatus.READ}
    return Snapshot(
        server=ServerIdentity("test", (1,)),
        observed_at=NOW,
        accounts=tuple(s for s in found if s.section(SectionName.ACCOUNTS) in read),
        sections=sections,
        databases=frozenset(database for database in present if database),
    )
