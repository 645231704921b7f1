"""Who can do what, and how accounts differ: the questions over any engine's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.answers import AccessComparison, Verdict
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, compare, who_can
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import PowerKind, path_text
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.simple_access import (
    ALL_READ,
    PUBLIC,
    SERVER,
    account,
    judged,
    table,
    worlds,
)

ORDERS = table("orders")
SELECT = Grant(ORDERS, "SELECT")
DENIED = SectionReport(SectionStatus.DENIED, "GRANT SELECT is missing.")


@given(worlds(), st.sampled_from(["SELECT", "insert", " Select "]))
def test_who_can_agrees_with_decide(world: Judged, privilege: str) -> None:
    try:
        named = world.rules.securables("shop.orders")
    except ConfigurationError:
        return
    found = who_can([world], privilege, "shop.orders")
    wanted = privilege.strip().upper()
    decisions = {
        (name, securable): world.rules.decide(name, wanted, securable)
        for name in world.world.accounts
        for securable in named
    }
    assert {
        (item.state.name, item.decision.securable): item.decision for item in found.holders
    } == {
        key: decision
        for key, decision in decisions.items()
        if decision.held or decision.denied or decision.unknown
    }
    for item in found.holders:
        assert (item.verdict in (Verdict.AT_LOGIN, Verdict.AFTER_SET_ROLE)) == (
            item.decision.is_allowed
        )


def test_an_answer_says_by_which_path_and_when() -> None:
    world = judged(
        account("alice", roles=["team"]),
        account("bob", roles=[Membership("team", default=False)]),
        account("carol", Grant(ORDERS, "SELECT", deny=True), roles=["team"]),
        account("dave"),
        account("team", SELECT, can_login=False),
        account(PUBLIC, Grant(table("items"), "SELECT"), can_login=False),
    )
    found = who_can([world], "select", "table:shop.orders")
    assert found.is_complete
    assert {item.state.name: item.verdict for item in found.holders} == {
        "alice": Verdict.AT_LOGIN,
        "bob": Verdict.AFTER_SET_ROLE,
        "carol": Verdict.DENIED,
        "team": Verdict.AT_LOGIN,
    }
    alice = found.holders[0].decision.held[0]
    assert path_text(alice.path) == "alice → team (member)"
    everyone = who_can([world], "SELECT", "shop.items").holders
    assert [item.state.name for item in everyone if item.stands_for_all] == [PUBLIC]
    assert len(everyone) == 6


def test_what_was_not_read_is_said() -> None:
    sections = {**ALL_READ, SectionKey(SectionName.TABLE): DENIED}
    world = judged(account("alice", SELECT), account("bob"), sections=sections)
    found = who_can([world], "SELECT", "shop.orders")
    assert [(item.state.name, item.verdict) for item in found.holders] == [
        ("alice", Verdict.AT_LOGIN),
        ("bob", Verdict.UNKNOWN),
    ]
    assert found.gaps == (
        "db: grants.table was not read, and could change the answer. GRANT SELECT is missing.",
    )
    (gap,) = access_of(world, "bob").gaps
    assert gap == "db: grants.table was not read (denied). GRANT SELECT is missing."


def test_accounts_that_could_not_be_listed_are_a_gap() -> None:
    sections = {**ALL_READ, SectionKey(SectionName.ACCOUNTS, "sales"): DENIED}
    found = who_can([judged(account("a", SELECT), sections=sections)], "SELECT", "shop.orders")
    assert not found.is_complete
    assert "accounts@sales was not read" in found.gaps[0]


def test_an_instance_that_was_never_synced_is_no_no() -> None:
    world = judged(account("alice", SELECT))
    never = judged(instance="new", sections={})
    found = who_can([world, never], "SELECT", "shop.orders")
    assert len(found.holders) == 1
    assert found.gaps == ("new was never synced: nothing is known of it.",)
    with pytest.raises(ConfigurationError, match="new was never synced"):
        who_can([never], "SELECT", "shop.orders")


def test_where_nothing_is_named_the_unread_sections_are_said() -> None:
    sections = {**ALL_READ, SectionKey(SectionName.TABLE): DENIED}
    blind = judged(instance="blind", sections=sections)
    found = who_can([judged(account("alice", SELECT)), blind], "SELECT", "shop.orders")
    assert found.gaps == ("blind: grants.table was not read (denied). GRANT SELECT is missing.",)


@pytest.mark.parametrize("text", ["shop.nothing", 'shop."open', "shop..orders"])
def test_a_text_that_names_nothing_is_bad_input(text: str) -> None:
    with pytest.raises(ConfigurationError):
        who_can([judged(account("alice", SELECT))], "SELECT", text)


def test_an_unknown_account_is_bad_input() -> None:
    with pytest.raises(ConfigurationError, match="'db' has no active account 'nobody'"):
        access_of(judged(account("alice")), "nobody")


@given(worlds(), st.data())
def test_no_account_differs_from_itself(world: Judged, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(world.world.accounts)))
    assert compare(world, name, world, name).is_equal


@given(worlds("one"), worlds("two"), st.data())
def test_a_difference_is_the_same_from_both_sides(
    one: Judged, two: Judged, data: st.DataObject
) -> None:
    first = data.draw(st.sampled_from(sorted(one.world.accounts)))
    second = data.draw(st.sampled_from(sorted(two.world.accounts)))
    there = compare(one, first, two, second)
    back = compare(two, second, one, first)

    def turned(found: AccessComparison) -> list[tuple[object, ...]]:
        return [
            (item.privilege, item.securable, item.second, item.first) for item in found.differences
        ]

    assert [
        (item.privilege, item.securable, item.first, item.second) for item in there.differences
    ] == turned(back)
    assert there.powers_of_first == back.powers_of_second
    assert there.is_equal == back.is_equal


@given(worlds(), st.data())
def test_a_difference_is_what_one_side_has_by_deciding(world: Judged, data: st.DataObject) -> None:
    names = sorted(world.world.accounts)
    first, second = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    for item in compare(world, first, world, second).differences:
        sides = [
            world.rules.decide(name, item.privilege, item.securable).is_allowed
            for name in (first, second)
        ]
        assert sides == [item.first is not None, item.second is not None]


def test_a_greater_right_covers_a_smaller_one() -> None:
    world = judged(account("boss", superuser=True), account("app", SELECT))
    found = compare(world, "boss", world, "app")
    assert [(item.privilege, item.securable) for item in found.differences] == [("ALL", SERVER)]
    assert [power.kind for power in found.powers_of_first] == [PowerKind.SUPERUSER]
    assert found.powers_of_second == ()


def test_the_way_of_a_privilege_is_a_difference() -> None:
    world = judged(
        account("a", SELECT),
        account("b", Grant(ORDERS, "SELECT", grantable=True)),
        account("c", roles=[Membership("r", default=False)]),
        account("r", SELECT),
    )
    assert len(compare(world, "a", world, "b").differences) == 1
    assert len(compare(world, "a", world, "c").differences) == 1
    assert compare(world, "a", world, "r").is_equal
