"""Random account states, snapshots with unread sections, and histories of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

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
from workbench.strategies.combined import combined

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATABASES = ("", "sales", "my.db")
SECTION_NAMES = tuple(SectionName)

BOTH = (True, False)
OPTIONS = (None, True, False)
NAMES = (
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
)
names = st.sampled_from(NAMES)
values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "infinity", "scram"])
)

_SECURABLE = {
    "kind": SecurableKind,
    "database": ("", "sales", "we%ird"),
    "schema": ("", "public", "S"),
    "name": ("", "orders", 'Or"ders'),
    "column": ("", "id"),
    "catalog": DATABASES,
}
securables = combined(Securable, **_SECURABLE)


def _grant(
    privilege: str, grantable: bool, deny: bool, grantor: str, recognised: bool, **on: Any
) -> Grant:
    return Grant(
        Securable(**on),
        privilege,
        grantable=grantable,
        deny=deny,
        grantor=grantor,
        recognised=recognised,
    )


grants = combined(
    _grant,
    **_SECURABLE,
    privilege=("SELECT", "INSERT", "bit 40"),
    grantable=BOTH,
    deny=BOTH,
    grantor=("", "root"),
    recognised=BOTH,
)
memberships = combined(
    Membership, role=NAMES, admin=BOTH, inherit=OPTIONS, set_role=OPTIONS, default=OPTIONS
)
settings = combined(
    AccountSetting,
    database=DATABASES,
    name=("work_mem", "search_path"),
    value=("", "4MB", '"$user", public'),
)
_plain = combined(
    partial(AccountState, ""),
    kind=AccountKind,
    can_login=BOTH,
    is_locked=BOTH,
    is_superuser=BOTH,
    database=DATABASES,
)


def in_database(state: AccountState) -> AccountState:
    """An account of a database has it in its name: an account never moves."""
    name = f"[{state.database}].[{state.name}]" if state.database else state.name
    return replace(state, name=name)


def states(name: st.SearchStrategy[str] = names) -> st.SearchStrategy[AccountState]:
    return st.builds(
        replace,
        _plain,
        name=name,
        attributes=st.dictionaries(
            st.sampled_from(["plugin", "valid_until", "limit"]), values, max_size=3
        ).map(lambda items: tuple(items.items())),
        memberships=st.lists(memberships, max_size=3).map(tuple),
        settings=st.lists(settings, max_size=2).map(tuple),
        grants=st.lists(grants, max_size=5).map(tuple),
    )


_STATUSES = (
    SectionStatus.READ,
    SectionStatus.READ,
    SectionStatus.DENIED,
    SectionStatus.FAILED,
)
_KEYS = len(SECTION_NAMES) * len(DATABASES)
# A byte a section: as one draw, and uniform.
_sections = st.binary(min_size=_KEYS, max_size=_KEYS).map(
    lambda found: [_STATUSES[byte % len(_STATUSES)] for byte in found]
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
    statuses = [SectionStatus.READ] * _KEYS if complete else draw(_sections)
    sections = {key: SectionReport(status) for key, status in zip(keys, statuses, strict=False)}
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
