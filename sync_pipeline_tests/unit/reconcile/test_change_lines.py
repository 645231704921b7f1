"""What is told of a change: all that is worth it, nothing that is not, of old entries too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, KnownAccount
from sync_pipeline.model.ordinary import ELSEWHERE, ORDINARY, REMARKABLE, is_ordinary
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot
from sync_pipeline.orchestration.metadata import report_metadata
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.diff import blank, diff
from sync_pipeline.reconcile.lines import APPEARED, BACK, FOUND, SEEN, retold
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport, RecordStatus
from workbench.strategies.accounts import NOW, snapshots, states

READ = SectionReport(SectionStatus.READ)
SECTIONS = {SectionKey(name): READ for name in SectionName}
SELECT = Grant(Securable(SecurableKind.TABLE, name="t"), "SELECT")
APP = AccountState("app", AccountKind.USER, can_login=True)


def snapshot(*accounts: AccountState, **sections: SectionReport) -> Snapshot:
    more = {SectionKey(SectionName.ACCOUNTS, name): item for name, item in sections.items()}
    return Snapshot(ServerIdentity("1", (1,)), NOW, accounts, SECTIONS | more, frozenset(sections))


def changes(
    before: AccountState | None,
    after: AccountState,
    *,
    is_active: bool = True,
    ever_read: object = SECTIONS,
) -> list[tuple[str, ...]]:
    other = AccountState("other", AccountKind.USER, can_login=True)
    known = [KnownAccount(other, is_active=True)]
    if before is not None:
        known.append(KnownAccount(before, is_active=is_active))
    found = reconcile(known, snapshot(other, after), Scope(), ever_read)  # type: ignore[arg-type]
    return [change.lines for change in found.changes]


def test_a_new_role_did_not_change_from_a_user() -> None:
    role = AccountState("r", AccountKind.ROLE, can_login=False, grants=(SELECT,))
    assert changes(None, role) == [(APPEARED, "kind is role", "granted SELECT on table t")]


def test_a_new_superuser_did_not_become_one() -> None:
    new = replace(APP, is_superuser=True, is_locked=True)
    assert changes(None, new) == [(APPEARED, "can log in", "is superuser", "is locked")]


@pytest.mark.parametrize("name", sorted(ORDINARY))
def test_an_attribute_at_its_default_is_not_told_of_a_new_account(name: str) -> None:
    for value in ORDINARY[name]:
        assert changes(None, replace(APP, attributes=((name, value),))) == [
            (APPEARED, "can log in")
        ]
    odd = replace(APP, attributes=((name, "something else"),))
    assert changes(None, odd) == [(APPEARED, "can log in", f"{name} is something else")]


@pytest.mark.parametrize("value", [None, False, ""])
def test_an_attribute_of_an_engine_to_come_is_told_where_it_says_something(
    value: AttributeValue,
) -> None:
    assert changes(None, replace(APP, attributes=(("odd", value),))) == [(APPEARED, "can log in")]
    assert changes(None, replace(APP, attributes=(("odd", 0),)))[0][-1] == "odd is 0"


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_is_of_the_server_is_not_told_of_a_new_account(name: str) -> None:
    assert changes(None, replace(APP, attributes=((name, "7"),))) == [(APPEARED, "can log in")]
    before, after = (replace(APP, attributes=((name, value),)) for value in ("7", "8"))
    assert changes(before, after) == [(f"{name} changed from 7 to 8",)]


def test_a_change_to_the_default_is_told() -> None:
    before = replace(APP, attributes=(("connection_limit", 3),))
    after = replace(APP, attributes=(("connection_limit", -1),))
    assert changes(before, after) == [("connection_limit changed from 3 to -1",)]
    assert changes(replace(APP, kind=AccountKind.ROLE), APP) == [
        ("kind changed from role to user",)
    ]


def test_an_account_that_is_back_says_what_it_has_and_what_it_lost() -> None:
    kept, lost = Membership("kept"), Membership("lost")
    before = replace(APP, is_superuser=True, memberships=(kept, lost), grants=(SELECT,))
    after = replace(APP, is_superuser=True, memberships=(kept,), grants=(SELECT,))
    assert changes(before, after, is_active=False) == [
        (
            BACK,
            "revoked role lost",
            "as before: superuser",
            "as before: role kept",
            "as before: SELECT on table t",
        )
    ]
    assert changes(APP, replace(APP, kind=AccountKind.ROLE), is_active=False) == [
        (BACK, "kind changed from user to role")
    ]


def test_a_list_that_is_read_for_the_first_time_made_no_accounts() -> None:
    inside = replace(APP, name="[sales].[app]", database="sales", memberships=(Membership("r"),))
    known = [KnownAccount(APP, is_active=True)]
    listed = snapshot(APP, inside, sales=READ)
    memberships = {SectionKey(SectionName.MEMBERSHIPS, "sales"): READ}
    listed = replace(listed, sections={**listed.sections, **memberships})
    found = reconcile(known, listed, Scope(), SECTIONS)
    assert [change.lines for change in found.changes] == [(SEEN, "can log in", "visible role r")]
    found = reconcile(known, listed, Scope(), listed.sections)
    assert [change.lines for change in found.changes] == [
        (APPEARED, "can log in", "granted role r")
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # What a newer version of this program reports besides.
        (APP, replace(APP, attributes=(("connection_limit", -1), ("is_odd", False)))),
        (replace(APP, attributes=(("inherits", True),)), APP),
        (
            replace(APP, grants=(replace(SELECT, recognised=False),)),
            replace(APP, grants=(SELECT,)),
        ),
        # PostgreSQL 16 has an option and a grantor for each membership.
        (
            replace(APP, memberships=(Membership("r"),)),
            replace(APP, memberships=(Membership("r", inherit=True, grantor="dba"),)),
        ),
    ],
)
def test_what_is_only_reported_in_another_way_is_logged_and_not_told(
    before: AccountState, after: AccountState
) -> None:
    assert changes(before, after) == [()]
    known = [KnownAccount(before, is_active=True)]
    found = reconcile(known, snapshot(after), Scope(), SECTIONS)
    first = AccountChange("app", ChangeType.ADD, diff(blank("app"), before), ())
    assert replay((first, *found.changes))["app"].state == after.canonical()
    assert retold(found.changes[0], is_whole=True)
    report = AccountSyncReport("i", RecordStatus.COMPLETED, "done", changes=found.changes)
    assert report_metadata(report)["changes"].value == "No change."


def with_odd(state: AccountState) -> AccountState:
    return replace(state, attributes=(*state.attributes, ("is_odd", True)))


def lines_of(before: Sequence[AccountState], after: Sequence[AccountState]) -> list[object]:
    known = [KnownAccount(state, is_active=True) for state in before]
    found = reconcile(known, snapshot(*after), Scope(), SECTIONS)
    for change in found.changes:
        assert retold(change) == change.lines
        assert "is_odd is yes" in retold(change, is_whole=True)
    return [(change.account, *change.lines) for change in found.changes]


def test_an_attribute_that_is_new_to_this_program_changed_no_account() -> None:
    """The accounts are as a version before kept them, and each has it now."""
    ab = [replace(APP, name=name) for name in "ab"]
    role = AccountState("r", AccountKind.ROLE, can_login=False)
    odd = [with_odd(state) for state in ab]
    assert lines_of([*ab, role], [*odd, role]) == [("a",), ("b",)]
    # What else has changed is told, also at once.
    locked = replace(odd[1], is_locked=True)
    assert lines_of(ab, [odd[0], locked]) == [("a",), ("b", "locked")]
    # It stays a change where one account gets it, or one of them had it before.
    assert lines_of(ab, [odd[0], ab[1]]) == [("a", "is_odd is yes")]
    assert lines_of([odd[0], ab[1]], odd) == [("b", "is_odd is yes")]
    # And from then on its value is as any other.
    back = [replace(odd[0], attributes=(("is_odd", False),)), odd[1]]
    assert [c.lines for c in reconcile(
        [KnownAccount(state, is_active=True) for state in odd], snapshot(*back), Scope(), SECTIONS
    ).changes] == [("is_odd changed from yes to no",)]  # fmt: skip


@pytest.mark.parametrize("name", sorted(REMARKABLE))
def test_what_is_remarkable_is_told_though_no_account_had_it(name: str) -> None:
    """Such as TRUSTWORTHY of the one database: each that could have it has it now."""
    known = [KnownAccount(APP, is_active=True)]
    after = replace(APP, attributes=((name, "odd"),))
    found = reconcile(known, snapshot(after), Scope(), SECTIONS)
    assert [change.lines for change in found.changes] == [(f"{name} is odd",)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Membership("r", inherit=True), Membership("r", inherit=False)),
        (Membership("r", grantor="a"), Membership("r", grantor="b")),
        (Membership("r"), Membership("r", admin=True)),
    ],
)
def test_another_option_or_grantor_is_a_change(before: Membership, after: Membership) -> None:
    ((given, taken),) = changes(
        replace(APP, memberships=(before,)), replace(APP, memberships=(after,))
    )
    assert (given, taken) == (f"granted {after}", f"revoked {before}")


def test_the_first_sync_is_one_line_of_its_run() -> None:
    found = reconcile([], snapshot(APP, replace(APP, name="b", grants=(SELECT,))), Scope())
    assert found.is_baseline
    assert [change.lines for change in found.changes] == [
        (FOUND, "can log in"),
        (FOUND, "can log in", "visible SELECT on table t"),
    ]
    report = AccountSyncReport(
        "i", RecordStatus.COMPLETED, "done", changes=found.changes, is_baseline=True
    )
    shown = report_metadata(report)["changes"].value
    assert shown == "First sync: 2 accounts found, see the change log."


OLD = AccountChange(
    "r",
    ChangeType.ADD,
    diff(
        blank("r"),
        AccountState(
            "r",
            AccountKind.ROLE,
            can_login=False,
            attributes=(("connection_limit", -1), ("inherits", False)),
            memberships=(Membership("boss"),),
            grants=(SELECT,),
        ),
    ),
    (
        "account appeared",
        "connection_limit is -1",
        "inherits is no",
        "kind changed from user to role",
        "granted role boss",
        "visible SELECT on table t",
    ),
)
"""As versions before wrote it."""


def test_an_entry_from_before_an_upgrade_reads_as_well() -> None:
    told = ("kind is role", "inherits is no")
    assert retold(OLD) == (APPEARED, *told, "granted role boss", "visible SELECT on table t")
    assert retold(OLD, is_baseline=True) == (
        FOUND,
        *told,
        "visible role boss",
        "visible SELECT on table t",
    )
    assert "connection_limit is -1" in retold(OLD, is_whole=True)
    gone = AccountChange(
        "r", ChangeType.REMOVE, AccountDiff(), ("account disappeared", "it held x")
    )
    assert retold(gone) == gone.lines


@given(snapshots(), snapshots(), st.booleans())
def test_what_was_written_is_told_as_it_is(first: Snapshot, second: Snapshot, gone: bool) -> None:
    """The sentences of the log are those that are read: telling them again changes nothing."""
    found = reconcile([], first, Scope())
    known = [KnownAccount(state, is_active=not gone) for state in found.states]
    later = reconcile(known, second, Scope(), first.sections)
    for change in later.changes:
        assert retold(change, is_baseline=later.is_baseline) == change.lines
    for change in found.changes:
        assert retold(change, is_baseline=found.is_baseline) == change.lines


@given(states(st.just("a")))
def test_a_new_account_is_told_completely_and_never_as_changed(state: AccountState) -> None:
    """By another way: from the state itself, not from its diff."""
    (lines,) = changes(None, state)
    words = {"True": "yes", "False": "no", "None": "none"}
    canonical = state.canonical()
    expected = [
        f"{name} is {words.get(str(value), value)}"
        for name, value in canonical.attributes
        if not is_ordinary(name, value)
    ]
    assert [line for line in lines if line.split(" ")[0] in ("plugin", "valid_until", "limit")] == (
        expected
    )
    assert not any("changed" in line or "became" in line for line in lines)
    assert ("is superuser" in lines, "is locked" in lines) == (
        state.is_superuser,
        state.is_locked,
    )
    assert ("can log in" in lines) is state.can_login
