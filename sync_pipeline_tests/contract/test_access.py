"""What every engine promises of effective privileges, over accounts that its collector read.

That an answer is the server's own is in the files of the engines that have real ones.
"""

from __future__ import annotations

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.contract import AccessRules, mends
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import EVERYTHING, AccessWorld, PowerKind
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline_tests.contract.worlds.world import NOW, Gap, Topic, World

SERVER = Securable(SecurableKind.SERVER)


def judged(world: World, topic: Topic) -> tuple[AccessWorld, AccessRules, list[AccountState]]:
    """Make the first case of a topic, and return the rules over what is read, and its accounts."""
    case = world.first(topic)
    try:
        world.run(*case.steps)
        snapshot = world.snapshot()
    finally:
        world.run(*case.undo)
    states = {state.name: state for state in snapshot.accounts}
    version = snapshot.server.version
    found = AccessWorld("i", world.engine.name, version, states, snapshot.sections, NOW)
    rules = world.engine.access_rules(found)
    made = [states[expected.name] for expected in case.accounts]
    # Nobody is told to take anything from what a server made itself.
    ours = [item for item in made if not is_of_the_server(rules, item.name)]
    return found, rules, ours


def is_of_the_server(rules: AccessRules, name: str) -> bool:
    facts = rules.facts(name)
    return facts.is_system or facts.is_built_in


@pytest.mark.parametrize("topic", [Topic.GRANTS, Topic.ROLES], ids=lambda it: it.name.lower())
def test_what_is_listed_is_what_is_decided_and_can_be_taken(world: World, topic: Topic) -> None:
    found, rules, ours = judged(world, topic)
    for name in found.accounts:
        for item in rules.everything(name):
            assert rules.decide(name, item.privilege, item.securable).is_allowed, (name, item)
        assert all(power.path[0].account == name for power in rules.powers(name)), name
    assert ours
    for state in ours:
        for grant in state.grants:
            assert rules.revoke(state.name, grant).strip(), grant
            assert not grant.grantable or rules.revoke_option(state.name, grant).strip(), grant
        for membership in state.memberships:
            assert rules.revoke_role(state.name, membership).strip(), membership


def test_a_superuser_has_one_entry_and_that_power_first(world: World) -> None:
    found, rules, _ = judged(world, Topic.SUPERUSER)
    superusers = [state for state in found.accounts.values() if state.is_superuser]
    assert len(superusers) > 1
    for state in superusers:
        kinds = {power.kind for power in rules.powers(state.name)}
        assert PowerKind.SUPERUSER in kinds, (state.name, kinds)
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
    if isinstance(world.cases[Topic.EVERYONE], Gap):
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


def test_a_server_of_today_leaves_nothing_unknown(world: World) -> None:
    found, rules, ours = judged(world, Topic.GRANTS)
    whole = Judged(found, rules)
    assert whole.unknown() == ()
    for state in ours:
        assert whole.unknown(state.name) == (), state.name


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
