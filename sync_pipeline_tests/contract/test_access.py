"""What every engine promises of effective privileges, over accounts that its collector read.

That an answer is the server's own is in the files of the engines that have real ones.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.access.contract import AccessRules, mends
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import EVERYTHING, AccessWorld, PowerKind, path_text
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.worlds.world import Case, Topic, World

SERVER = Securable(SecurableKind.SERVER)


def judged(world: World, topic: Topic) -> tuple[AccessWorld, AccessRules, list[AccountState]]:
    """Make the first case of a topic, and return the rules over what is read, and its accounts."""
    case = world.first(topic)
    try:
        world.run(*case.steps)
        snapshot = world.snapshot()
    finally:
        world.run(*case.undo)
    whole = world.judged(snapshot)
    found, rules = whole.world, whole.rules
    made = [found.accounts[expected.name] for expected in case.accounts]
    # Nobody is told to take anything from what a server made itself.
    ours = [item for item in made if not is_of_the_server(rules, item.name)]
    return found, rules, ours


def is_of_the_server(rules: AccessRules, name: str) -> bool:
    facts = rules.facts(name)
    return facts.is_system or facts.is_built_in


@pytest.mark.parametrize(
    "topic", [Topic.GRANTS, Topic.ROLES, Topic.WAYS], ids=lambda it: it.name.lower()
)
def test_what_is_listed_is_what_is_decided_and_can_be_taken(world: World, topic: Topic) -> None:
    found, rules, ours = judged(world, topic)
    for name in found.accounts:
        for item in rules.everything(name):
            assert rules.decide(name, item.privilege, item.securable).is_allowed, (name, item)
        assert all(power.path[0].account == name for power in rules.powers(name)), name
        rules.facts(name)
    assert ours
    for state in ours:
        for grant in state.grants:
            assert rules.revoke(state.name, grant).strip(), grant
            assert not grant.grantable or rules.revoke_option(state.name, grant).strip(), grant
        for membership in state.memberships:
            assert rules.revoke_role(state.name, membership).strip(), membership


@pytest.mark.on_babelfish
def test_a_privilege_is_had_by_the_way_that_it_comes_and_by_no_other(world: World) -> None:
    case = world.first(Topic.WAYS)
    _, rules, _ = judged(world, Topic.WAYS)
    assert {bool(asked.way) for asked in case.questions} == {True, False}
    for asked in case.questions:
        (securable, *_) = rules.securables(asked.on)
        decision = rules.decide(asked.account, asked.privilege, securable)
        ways = [path_text(item.path) for item in decision.held]
        assert decision.is_allowed is bool(asked.way), (asked, ways)
        assert not asked.way or ways[0].startswith(asked.way), (asked, ways)


def test_a_superuser_has_one_entry_and_that_power_first(world: World) -> None:
    found, rules, _ = judged(world, Topic.SUPERUSER)
    superusers = [state for state in found.accounts.values() if state.is_superuser]
    assert len(superusers) > 1
    for state in superusers:
        first, *_ = rules.powers(state.name)
        assert first.kind is PowerKind.SUPERUSER, (state.name, first)
    whole = [state.name for state in superusers if state.name in world.whole_superusers]
    assert whole
    for name in whole:
        (only,) = rules.everything(name)
        assert (only.privilege, only.securable) == (EVERYTHING, SERVER)


def test_an_account_that_the_world_does_not_have_holds_nothing(world: World) -> None:
    found, rules, _ = judged(world, Topic.GRANTS)
    nobody = "'nobody'@'%'" if "'@'" in next(iter(found.accounts)) else "nobody at all"
    for state in found.accounts.values():
        for grant in state.grants:
            decision = rules.decide(nobody, grant.privilege, grant.securable)
            assert not decision.is_allowed, (grant, decision)
    assert not rules.powers(nobody)
    assert not rules.everything(nobody)
    assert not rules.is_everyone(nobody)


def test_a_text_that_names_nothing_is_an_error_that_says_so(world: World) -> None:
    _, rules, _ = judged(world, Topic.GRANTS)
    for text in ('table:"never closed', "nonsense:a.b.c.d.e.f", "a..b"):
        with pytest.raises(ConfigurationError) as caught:
            rules.securables(text)
        assert str(caught.value)


def test_who_stands_for_all_is_told_from_the_others(world: World) -> None:
    if not list(world.made(Topic.EVERYONE)):
        found, rules, _ = judged(world, Topic.GRANTS)
        assert not any(rules.is_everyone(name) for name in found.accounts)
        return
    found, rules, _ = judged(world, Topic.EVERYONE)
    for name, state in found.accounts.items():
        if state.kind is AccountKind.PUBLIC:
            assert rules.is_everyone(name), name
        if state.can_login:
            assert not rules.is_everyone(name), name
    assert any(rules.is_everyone(name) for name in found.accounts)


@pytest.mark.on_babelfish
def test_what_is_not_known_is_doubted_where_it_counts_and_nowhere_else(world: World) -> None:
    for number, case in enumerate(world.made(Topic.UNKNOWN)):
        if number:
            world.reset()
        try:
            world.run(*case.steps)
            before = world.snapshot()
            world.run(*case.newer)
            after = world.snapshot()
        finally:
            world.run(*case.undo)
        check_doubt(world, case, before, after)


def check_doubt(world: World, case: Case, before: Snapshot, after: Snapshot) -> None:
    doubt = case.doubt
    assert doubt is not None
    assert before.warnings == ()
    assert world.judged(before).unknown() == ()
    assert after.is_known(SectionKey(SectionName.ACCOUNTS))
    found = world.judged(after)
    known = {state.name: state for state in before.accounts}
    new = {state.name: state for state in after.accounts if state != known.get(state.name)}
    assert new.keys() == doubt.changed, [(known.get(name), new[name]) for name in new]
    answer = who_can([found], doubt.privilege, doubt.on)
    holders = {item.state.name: item.decision for item in answer.holders}
    unsure = {
        name
        for name, decision in holders.items()
        if any(doubt.says in gap for gap in decision.unknown)
    }
    assert unsure == doubt.unsure
    assert holders[doubt.sure].is_allowed
    assert not answer.is_complete
    assert any(doubt.says in gap for gap in answer.gaps), answer.gaps
    for name in (*doubt.unsure, doubt.sure):
        said = [gap for gap in access_of(found, name).gaps if "Not known, and could" in gap]
        is_doubted = name != doubt.sure or not doubt.unsure
        assert any(doubt.says in gap for gap in said) is is_doubted, (name, said)
    for name, says in doubt.told:
        assert any(says in gap for gap in access_of(found, name).gaps), (name, says)
    assert not doubt.elsewhere or who_can([found], doubt.privilege, doubt.elsewhere).is_complete
    assert doubt.secret not in repr((after, answer))


def test_a_newer_release_changes_no_account_and_makes_no_answer_certain(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine knows one release less than it did: no newer one can be had."""
    case = world.first(Topic.UNKNOWN)
    assert case.doubt is not None
    world.run(*case.steps)
    before = world.snapshot()
    tried = world.judged(before)
    was = {name: access_of(tried, name) for name in (case.doubt.sure, *case.doubt.unsure)}
    known = who_can([tried], case.doubt.privilege, case.doubt.on)
    monkeypatch.setattr(type(world.engine), "newest_tried", (world.version[0] - 1,))
    after = world.snapshot()
    untried = world.judged(after)
    newer = who_can([untried], case.doubt.privilege, case.doubt.on)
    assert before.warnings == ()
    assert after.accounts == before.accounts
    (warning,) = after.warnings
    assert re.match(rf"The server is [A-Za-z ]+ {re.escape(after.server.version)}", warning)
    assert [item.state.name for item in newer.holders] == [
        item.state.name for item in known.holders
    ]
    assert not newer.is_complete
    assert len(newer.gaps) == len(known.gaps) + 1
    for name, before_it in was.items():
        now = access_of(untried, name)
        (gap,) = now.gaps
        assert gap.startswith("i: Not known")
        assert "which were not tried" in gap
        assert replace(now, gaps=()) == before_it


def test_each_statement_against_an_account_has_its_opposite(world: World) -> None:
    _, rules, ours = judged(world, Topic.STATE)
    opposites = mends(rules)
    assert opposites is not None
    assert ours
    for state in ours:
        name = state.name
        if state.can_login:
            assert rules.disable(name).strip(), name
            assert opposites.enable(name).strip(), name
        assert rules.drop(name).strip(), name
        assert opposites.create(name).strip(), name
        if rules.expire(name):
            assert opposites.unexpire(name).strip(), name
