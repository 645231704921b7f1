"""Reconciliation: properties that hold for every pair of states."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import SuspiciousSnapshot
from sync_pipeline.model.account import AccountKind, AccountState, canonical_json
from sync_pipeline.model.change import (
    AccountChange,
    AccountDiff,
    ChangeType,
    FieldChange,
    KnownAccount,
    Reconciliation,
)
from sync_pipeline.model.change_json import diff_from_json, diff_to_json
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import (
    SectionReport,
    SectionStatus,
    ServerIdentity,
    Snapshot,
    StateSources,
)
from sync_pipeline.reconcile.accounts import check_guard, merged, reconcile
from sync_pipeline.reconcile.diff import apply, blank, diff, only_privileges, without_privileges
from sync_pipeline.reconcile.guard import Guard
from sync_pipeline.reconcile.replay import replay, taken_back
from sync_pipeline.reconcile.scope import Scope, like
from workbench.strategies.accounts import NOW, names, snapshots, states
from workbench.strategies.odd_accounts import odd_states

EVERYTHING = Scope()


def written(known: list[KnownAccount], result: Reconciliation) -> list[KnownAccount]:
    """What the store holds after a reconciliation: written the plain way, as an oracle."""
    accounts = {account.state.name: account for account in known}
    for name in result.seen:
        if name in accounts:
            accounts[name] = replace(accounts[name], is_active=True)
    for state in result.states:
        accounts[state.name] = KnownAccount(state, is_active=True)
    for name in result.deactivated:
        accounts[name] = replace(accounts[name], is_active=False)
    return list(accounts.values())


def by_name(known: list[KnownAccount]) -> dict[str, KnownAccount]:
    return {account.state.name: account for account in known}


@given(states(st.just("a")), states(st.just("a")))
def test_applying_a_diff_gives_the_new_state(old: AccountState, new: AccountState) -> None:
    assert apply(old, diff(old, new)) == new.canonical()
    assert apply(old, diff(old, new)).fingerprint == new.fingerprint


@given(states(st.just("a")), states(st.just("a")))
def test_a_state_made_of_a_canonical_one_is_not_taken_for_canonical(
    state: AccountState, other: AccountState
) -> None:
    mixed = replace(state.canonical(), grants=(*reversed(other.grants), *other.grants))
    assert mixed.canonical().grants == tuple(sorted(set(other.grants)))


def plainly_canonical(state: AccountState) -> AccountState:
    """Return the canonical form as it was first defined: what people see is in this order."""
    return replace(
        state,
        attributes=tuple(sorted(dict(state.attributes).items())),
        memberships=tuple(sorted(set(state.memberships), key=repr)),
        settings=tuple(sorted(set(state.settings))),
        grants=tuple(sorted(set(state.grants))),
    )


def plainly_different(old: AccountState, new: AccountState) -> AccountDiff:
    """Return a diff as it was first defined."""

    def fields(state: AccountState) -> dict[str, object]:
        flags = {name: getattr(state, name) for name in ("can_login", "is_locked", "is_superuser")}
        database = {"database": state.database} if state.database else {}
        attributes = {f"attribute.{name}": value for name, value in state.attributes}
        return {"kind": str(state.kind), **flags, **database, **attributes}

    def only(left: tuple, right: tuple) -> tuple:
        return tuple(item for item in left if item not in set(right))

    before, after = fields(old), fields(new)
    missing = object()
    changed = [
        name
        for name in sorted(before.keys() | after.keys())
        if (type(before.get(name, missing)), before.get(name, missing))
        != (type(after.get(name, missing)), after.get(name, missing))
    ]
    return AccountDiff(
        tuple(
            FieldChange(
                name, before.get(name), after.get(name), name not in before, name not in after
            )
            for name in changed
        ),
        only(new.grants, old.grants),
        only(old.grants, new.grants),
        only(new.memberships, old.memberships),
        only(old.memberships, new.memberships),
        only(new.settings, old.settings),
        only(old.settings, new.settings),
    )


@settings(max_examples=60)
@given(st.one_of(states(), odd_states), st.randoms(use_true_random=False))
def test_the_canonical_order_is_what_it_always_was(state: AccountState, random: Random) -> None:
    def shuffled(items: tuple) -> tuple:
        return tuple(random.sample((*items, *items), 2 * len(items)))

    other = replace(
        state,
        memberships=shuffled(state.memberships),
        settings=shuffled(state.settings),
        grants=shuffled(state.grants),
    )
    for found in (state.canonical(), other.canonical()):
        assert found == plainly_canonical(state)
        assert found.to_json() == plainly_canonical(other).to_json()


@settings(max_examples=60)
@given(st.data())
def test_a_diff_is_what_it_always_was(data: st.DataObject) -> None:
    old = data.draw(st.one_of(states(st.just("a")), odd_states)).canonical()
    new = data.draw(st.one_of(st.just(old), states(st.just("a")), odd_states))
    if data.draw(st.booleans()):
        # Equal, and not the same objects; or with the same items and some more.
        copy = AccountState.from_json(old.to_json())
        new = data.draw(st.sampled_from([copy, replace(copy, grants=copy.grants + new.grants)]))
    new = new.canonical()
    found = diff(old, new)
    assert found == plainly_different(old, new)
    assert [type(item.after) for item in found.fields] == [
        type(item.after) for item in plainly_different(old, new).fields
    ]
    assert found.is_empty == (found == AccountDiff())


@settings(max_examples=40)
@given(snapshots(), st.data())
def test_what_is_carried_over_is_what_it_always_was(
    snapshot: Snapshot, data: st.DataObject
) -> None:
    for reported in snapshot.accounts:
        old = data.draw(states(st.just(reported.name)))
        grants = (
            *(item for item in reported.grants if snapshot.is_known(item.section)),
            *(item for item in old.grants if not snapshot.is_known(item.section)),
        )
        assert merged(old, reported, snapshot).grants == tuple(sorted(set(grants)))


def test_values_that_python_takes_for_equal_are_a_change() -> None:
    """1 == True == 1.0, but they are different facts, and different JSON."""
    values = (1, True, 1.0, 0, False, 0.0, None, "", "1")
    for before in values:
        for after in values:
            old = replace(blank("a"), attributes=(("limit", before),))
            change = diff(old, replace(blank("a"), attributes=(("limit", after),)))
            is_same = type(before) is type(after) and before == after
            assert change.is_empty == is_same, (before, after)


def test_comparing_unchanged_accounts_calls_nothing_for_each_grant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted, not timed: sections are asked about once an account, no record is shown."""
    tables = [f"t{number}" for number in range(50)]
    on = [Securable(SecurableKind.TABLE, "d", "s", name, catalog="d") for name in tables]
    state = AccountState(
        "a",
        AccountKind.USER,
        can_login=True,
        memberships=tuple(Membership(f"r{number}") for number in range(50)),
        grants=tuple(Grant(item, "SELECT") for item in on),
    )
    key = SectionKey(SectionName.ACCOUNTS)
    sections = {replace(key, name=name): SectionReport(SectionStatus.READ) for name in SectionName}
    sections |= {replace(item, database="d"): report for item, report in sections.items()}
    snapshot = Snapshot(ServerIdentity("1", (1,)), NOW, (state,), sections)
    asked: list[SectionKey] = []
    is_known = Snapshot.is_known

    def counted(self: Snapshot, key: SectionKey) -> bool:
        asked.append(key)
        return is_known(self, key)

    def refused(self: object) -> str:
        raise AssertionError("a record was shown to sort it")

    monkeypatch.setattr(Snapshot, "is_known", counted)
    monkeypatch.setattr(Membership, "__repr__", refused)
    known = [KnownAccount(AccountState.from_json(state.to_json()), True)]
    assert reconcile(known, snapshot, EVERYTHING, sections.keys()).changes == ()
    assert len(asked) < 10


@given(states(st.just("a")), states(st.just("a")))
def test_a_diff_survives_json(old: AccountState, new: AccountState) -> None:
    change = diff(old, new)
    assert diff_from_json(json.loads(json.dumps(diff_to_json(change)))) == change


@given(states(st.just("a")), states(st.just("a")))
def test_both_halves_of_a_diff_make_the_whole(old: AccountState, new: AccountState) -> None:
    change = diff(old, new)
    halfway = apply(old, only_privileges(change))
    assert apply(halfway, without_privileges(change)) == new.canonical()


@given(states())
def test_a_state_survives_json_and_keeps_its_fingerprint(state: AccountState) -> None:
    back = AccountState.from_json(json.loads(canonical_json(state.to_json())))
    assert back == state.canonical()
    assert back.fingerprint == state.fingerprint


@given(states(), st.randoms())
def test_order_never_counts(state: AccountState, random: object) -> None:
    def shuffled(items: tuple) -> tuple:
        listed = list(items)
        random.shuffle(listed)  # type: ignore[attr-defined]
        return tuple(listed)

    other = replace(
        state,
        grants=shuffled(state.grants + state.grants),
        memberships=shuffled(state.memberships),
        settings=shuffled(state.settings),
        attributes=shuffled(state.attributes),
    )
    assert other.fingerprint == state.fingerprint
    assert diff(state, other).is_empty


@given(snapshots(complete=True), snapshots(complete=True))
def test_a_complete_snapshot_replaces_the_old_state(first: Snapshot, second: Snapshot) -> None:
    known = written([], reconcile([], first, EVERYTHING))
    known = written(known, reconcile(known, second, EVERYTHING))
    active = {name: item.state for name, item in by_name(known).items() if item.is_active}
    assert active == {account.name: account.canonical() for account in second.accounts}


@given(st.lists(snapshots(), min_size=1, max_size=4))
def test_the_same_snapshot_twice_changes_nothing(history: list[Snapshot]) -> None:
    known: list[KnownAccount] = []
    for snapshot in history:
        known = written(known, reconcile(known, snapshot, EVERYTHING))
    again = reconcile(known, history[-1], EVERYTHING)
    assert again.changes == ()
    assert again.states == ()
    assert again.permissions_updated == 0
    assert again.permissions_unchanged == len(history[-1].accounts)


@given(snapshots(), snapshots(), st.randoms())
def test_the_order_of_accounts_never_matters(
    first: Snapshot, second: Snapshot, random: object
) -> None:
    known = written([], reconcile([], first, EVERYTHING))
    accounts, shuffled_known = list(second.accounts), list(known)
    random.shuffle(accounts)  # type: ignore[attr-defined]
    random.shuffle(shuffled_known)  # type: ignore[attr-defined]
    shuffled = replace(second, accounts=tuple(accounts))
    assert reconcile(known, second, EVERYTHING) == reconcile(shuffled_known, shuffled, EVERYTHING)


@given(st.lists(snapshots(), min_size=1, max_size=5))
def test_replay_gives_every_past_state(history: list[Snapshot]) -> None:
    """From the first change on, and back from what is known now: the first may be pruned."""
    known: list[KnownAccount] = []
    log: list[AccountChange] = []
    past = [(0, by_name(known))]
    for snapshot in history:
        result = reconcile(known, snapshot, EVERYTHING)
        known = written(known, result)
        log.extend(result.changes)
        past.append((len(log), by_name(known)))
        assert replay(log) == by_name(known)
    for length, accounts in past:
        assert taken_back(known, reversed(log[length:])) == accounts


@given(snapshots(), snapshots())
def test_an_unread_section_is_never_compared_or_cleared(first: Snapshot, second: Snapshot) -> None:
    known = written([], reconcile([], first, EVERYTHING))
    after = by_name(written(known, reconcile(known, second, EVERYTHING)))
    for account in second.accounts:
        before = by_name(known).get(account.name)
        for grant in before.state.grants if before else ():
            if not second.is_known(grant.section):
                assert grant in after[account.name].state.grants
        for grant in after[account.name].state.grants:
            if not second.is_known(grant.section):
                assert before is not None
                assert grant in before.state.grants


SOURCES = [ENGINES[name].sources for name in (EngineName.MYSQL, EngineName.ORACLE)]
"""Of the engines that make a kind, or a superuser, of memberships."""


@given(snapshots(), snapshots(), st.sampled_from(SOURCES))
def test_unread_memberships_and_settings_stay_as_they_were(
    first: Snapshot, second: Snapshot, sources: StateSources
) -> None:
    """And by them what each engine makes of them."""
    second = replace(second, sources=sources)
    known = written([], reconcile([], first, EVERYTHING))
    after = by_name(written(known, reconcile(known, second, EVERYTHING)))
    for account in second.accounts:
        old = by_name(known).get(account.name)
        before = old.state if old else blank(account.name)
        now, reported = after[account.name].state, account.canonical()
        has_memberships = second.is_known(account.section(SectionName.MEMBERSHIPS))
        has_settings = second.is_known(account.section(SectionName.SETTINGS))
        assert now.memberships == (reported if has_memberships else before).memberships
        assert now.settings == (reported if has_settings else before).settings
        is_read = {
            name: second.is_known(account.section(name))
            for name in (*sources.kind, *sources.superuser)
        }
        has_kind = all(is_read[name] for name in sources.kind) or not old
        assert now.kind == (reported if has_kind else before).kind
        hides_powers = any(
            not is_read[name] and account.section(name) in second.sections
            for name in sources.superuser
        )
        stays = hides_powers and before.is_superuser
        assert now.is_superuser == (reported.is_superuser or stays)


@given(snapshots(), snapshots())
def test_an_unread_list_of_accounts_deactivates_nobody(first: Snapshot, second: Snapshot) -> None:
    known = written([], reconcile([], first, EVERYTHING))
    lists = {SectionKey(SectionName.ACCOUNTS, name) for name in ("", *second.databases)}
    sections = {**second.sections, **dict.fromkeys(lists, SectionReport(SectionStatus.FAILED))}
    gone = reconcile(known, replace(second, sections=sections), EVERYTHING).deactivated
    lived_in = {by_name(known)[name].state.database for name in gone}
    assert not lived_in & {"", *second.databases}


@given(snapshots(), snapshots())
def test_accounts_of_a_database_go_with_its_list_or_with_the_database(
    first: Snapshot, second: Snapshot
) -> None:
    known = written([], reconcile([], first, EVERYTHING))
    gone = set(reconcile(known, second, EVERYTHING).deactivated)
    listed = {account.name for account in second.accounts}
    for name, account in by_name(known).items():
        database = account.state.database
        report = second.sections.get(SectionKey(SectionName.ACCOUNTS, database))
        was_read = report is not None and report.status is SectionStatus.READ
        was_dropped = bool(database) and database not in second.databases
        assert (name in gone) is ((was_read or was_dropped) and name not in listed)


@given(snapshots(), snapshots(), names)
def test_what_is_out_of_scope_is_left_alone(
    first: Snapshot, second: Snapshot, excluded: str
) -> None:
    known = written([], reconcile([], first, EVERYTHING))
    literal = "".join(f"\\{character}" for character in excluded)
    result = reconcile(known, second, Scope((literal,)))
    touched = {change.account for change in result.changes} | set(result.seen)
    assert excluded not in touched


def _snapshot(*accounts: AccountState, databases: frozenset[str] = frozenset()) -> Snapshot:
    sections = {SectionKey(name): SectionReport(SectionStatus.READ) for name in SectionName}
    return Snapshot(ServerIdentity("1", (1,)), NOW, accounts, sections, databases)


def _account(name: str, *grants: Grant) -> AccountState:
    return AccountState(name, AccountKind.USER, can_login=True, grants=grants)


SELECT = Grant(Securable(SecurableKind.TABLE, name="t", catalog="sales"), "SELECT")


def test_the_log_names_exactly_what_was_granted_and_revoked() -> None:
    insert = replace(SELECT, privilege="INSERT", grantable=True)
    known = [KnownAccount(_account("app", SELECT), is_active=True)]
    changed = replace(
        _account("app", insert), is_locked=True, memberships=(Membership("boss", admin=True),)
    )
    table = SectionKey(SectionName.TABLE, "sales")
    snapshot = _snapshot(changed, databases=frozenset({"sales"}))
    sections = {**snapshot.sections, table: SectionReport(SectionStatus.READ)}
    ever_read = set(sections)
    result = reconcile(known, replace(snapshot, sections=sections), EVERYTHING, ever_read)
    lines = {change.change_type: change.lines for change in result.changes}
    assert lines == {
        ChangeType.MODIFY_PRIVILEGE: (
            "granted role boss (admin)",
            "granted INSERT on table t with grant option",
            "revoked SELECT on table t",
        ),
        ChangeType.MODIFY_OTHER: ("locked",),
    }


def test_what_a_section_shows_when_it_is_first_read_was_not_granted_now() -> None:
    known = [KnownAccount(_account("app"), is_active=True)]
    grant = replace(SELECT, securable=Securable(SecurableKind.TABLE, name="t"))
    result = reconcile(known, _snapshot(_account("app", grant)), EVERYTHING, ever_read=set())
    assert result.changes[0].lines == ("visible SELECT on table t",)


def test_grants_of_a_dropped_database_are_gone() -> None:
    known = [KnownAccount(_account("app", SELECT), is_active=True)]
    result = reconcile(known, _snapshot(_account("app")), EVERYTHING)
    assert result.changes[0].lines == ("revoked SELECT on table t",)


def test_grants_of_a_database_that_was_not_read_are_kept() -> None:
    known = [KnownAccount(_account("app", SELECT), is_active=True)]
    snapshot = _snapshot(_account("app"), databases=frozenset({"sales"}))
    assert reconcile(known, snapshot, EVERYTHING).changes == ()


def test_a_disappearance_says_what_went_with_the_account() -> None:
    known = [KnownAccount(_account("app", SELECT), is_active=True)]
    result = reconcile(known, _snapshot(_account("other")), EVERYTHING)
    removal = next(change for change in result.changes if change.account == "app")
    assert removal.change_type is ChangeType.REMOVE
    assert removal.lines == ("account disappeared", "it held SELECT on table t")


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1), st.integers(0, 10))
def test_the_guard_allows_a_share_or_a_few(
    kept: int, lost: int, share: float, minimum: int
) -> None:
    known = [KnownAccount(_account(f"a{i}"), is_active=True) for i in range(kept + lost)]
    snapshot = _snapshot(*(_account(f"a{i}") for i in range(kept)), _account("self"))
    result = reconcile(known, snapshot, EVERYTHING)
    allowed = lost < minimum or lost <= share * (kept + lost)
    guard = Guard(share, minimum)
    if allowed:
        check_guard(result, known, snapshot, guard)
    else:
        with pytest.raises(SuspiciousSnapshot, match=f"lacks {lost} of {kept + lost} known"):
            check_guard(result, known, snapshot, guard)
        check_guard(result, known, snapshot, replace(guard, is_forced=True))


@pytest.mark.parametrize("is_forced", [False, True])
def test_an_empty_listing_is_never_believed(is_forced: bool) -> None:
    known = [KnownAccount(_account("only"), is_active=True)]
    snapshot = _snapshot()
    result = reconcile(known, snapshot, EVERYTHING)
    with pytest.raises(SuspiciousSnapshot, match="no account at all"):
        check_guard(result, known, snapshot, Guard(is_forced=is_forced))


@given(names)
def test_a_fully_escaped_pattern_matches_only_its_name(name: str) -> None:
    pattern = "".join(f"\\{character}" for character in name)
    assert like(pattern, name)
    assert not like(pattern, name + "x")
    assert not like(pattern, "x" + name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("pg_%", "pg_monitor", True),
        ("pg_%", "pgbouncer", True),
        (r"pg\_%", "pgbouncer", False),
        (r"pg\_%", "pg_monitor", True),
        ("a", "ab", False),
        ("%", "line\nbreak", True),
        ("A", "a", False),
        ("trailing\\", "trailing\\", True),
    ],
)
def test_like_patterns(pattern: str, name: str, matches: bool) -> None:
    assert like(pattern, name) is matches


def test_a_blank_state_is_where_every_history_starts() -> None:
    state = _account("app", SELECT)
    assert apply(blank("app"), diff(blank("app"), state)) == state.canonical()
