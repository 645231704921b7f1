"""A grant that an engine says no finding depends on changes no finding, whatever else there is."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import examine
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.base import KnowsUnreviewed
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, Turns
from sync_pipeline.model.finding import Examined
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.privilege import Grant, Securable
from workbench.strategies.postgresql_worlds import ASKED_AT
from workbench.strategies.reviewed_worlds import OBJECTS, reviewed_world

TRIES = 40
POWERFUL = (
    *("superuser", "grant-admin", "dangerous-privilege", "password-hash-reader"),
    *("everyone-can-write", "grant-option", "gone-database", "no-password-expiry"),
)


def found(world: AccessWorld, changed: Collection[str] = ()) -> Examined:
    """Return what a review of a world finds, of which some accounts changed after the listing."""
    databases = Databases(frozenset({"shop"}), frozenset(), ASKED_AT)
    before = dict.fromkeys(world.accounts, ASKED_AT - timedelta(days=1))
    changed_at = {**before, **dict.fromkeys(changed, ASKED_AT)}
    world = replace(world, turns=Turns())
    judged = Judged(world, ENGINES[world.engine].access_rules(world))
    return examine(Case(judged, databases, changed_at, "ann"))


def is_passed_on(world: AccessWorld, on: Securable) -> bool:
    grants = (grant for state in world.accounts.values() for grant in state.grants)
    return any(grant.grantable and grant.securable == on for grant in grants)


def changes(chance: random.Random, world: AccessWorld) -> Iterator[tuple[str, Grant]]:
    """Yield grants that are not looked at, to accounts that have none where no database is."""
    engine = ENGINES[world.engine]
    assert isinstance(engine, KnowsUnreviewed)
    for name, state in world.accounts.items():
        if any(grant.securable.database == "old" for grant in state.grants):
            continue
        for on in OBJECTS:
            word = chance.choice(["SELECT", "UPDATE", "OWNER", "TRUNCATE", "EXECUTE", "CREATE"])
            grantor = chance.choice([*world.accounts, "gone"])
            grant = Grant(on, word, grantable=chance.random() < 0.2, grantor=grantor)
            if engine.is_unreviewed(state, grant) and not is_passed_on(world, on):
                yield name, grant


def test_with_and_without_such_grants_the_same_is_found() -> None:
    said: set[str] = set()
    tried = 0
    for seed in range(TRIES):
        chance = random.Random(seed)
        before = reviewed_world(chance)
        possible = list(changes(chance, before))
        chosen = chance.sample(possible, min(4, len(possible)))
        accounts = dict(before.accounts)
        for name, grant in chosen:
            state = accounts[name]
            accounts[name] = replace(state, grants=(*state.grants, grant)).canonical()
        wanted = found(before)
        after = replace(before, accounts=accounts)
        assert found(after, {name for name, _ in chosen}) == wanted, seed
        said.update(item.rule for item in wanted.findings)
        tried += len(chosen)
    assert tried > 2 * TRIES
    assert said.issuperset(POWERFUL), set(POWERFUL) - said


@pytest.mark.parametrize("engine", EngineName)
def test_an_engine_that_says_nothing_has_each_change_reviewed(engine: EngineName) -> None:
    assert isinstance(ENGINES[engine], KnowsUnreviewed) is (engine is EngineName.POSTGRESQL)
