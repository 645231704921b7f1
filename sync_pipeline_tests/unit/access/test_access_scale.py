"""What a question costs grows as what it reads and answers: counted in calls, not in time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from sync_pipeline.access.findings.case import Case, Remedy
from sync_pipeline.access.findings.powerless import without_power
from sync_pipeline.access.findings.review import examine
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.access.contract import concerned
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, PowerKind
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.any_engine import SHAPES, newest
from workbench.strategies.large_worlds import beside, chain, holders, text_of

TWICE = 2.2
"""Of twice as much, with room for what is done once."""


def calls_of(action: Callable[[], object]) -> int:
    """Return how many functions an action calls, those of the interpreter among them."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def judged(world: AccessWorld) -> Judged:
    return Judged(world, ENGINES[world.engine].access_rules(world))


def asked(world: AccessWorld) -> int:
    """Return what it costs to ask who may read the table."""
    return calls_of(lambda: who_can([judged(world)], "SELECT", text_of(world.engine)))


@pytest.mark.parametrize("engine", EngineName)
def test_twice_as_many_holders_cost_twice(engine: EngineName) -> None:
    assert asked(holders(engine, 120)) < TWICE * asked(holders(engine, 60))


@pytest.mark.parametrize("engine", EngineName)
def test_who_holds_nothing_is_not_decided_for(engine: EngineName) -> None:
    """As many decisions as there are holders, however many others an instance has."""
    world = beside(holders(engine, 3), 40)
    rules = judged(world).rules
    (named,) = [on for on in rules.securables(text_of(engine)) if on.name]
    found = concerned(rules, "SELECT", named)
    assert found is not None
    assert len(world.accounts.keys() & found) == 3
    assert asked(beside(holders(engine, 60), 120)) < 1.6 * asked(holders(engine, 60))


@pytest.mark.parametrize("engine", EngineName)
def test_an_answer_leaves_no_garbage(engine: EngineName) -> None:
    """Over a fleet, what only the garbage collector frees is the accounts of all instances."""
    world = holders(engine, 10)
    account = next(iter(world.accounts))

    def ask() -> None:
        who_can([judged(world)], "SELECT", text_of(engine))
        access_of(judged(world), account)

    gc.disable()
    # What was there before is not looked at: that would take longer than all else.
    gc.freeze()
    try:
        ask()
        assert gc.collect() == 0
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize("engine", EngineName)
def test_a_chain_costs_what_the_ways_through_it_have_steps(engine: EngineName) -> None:
    """Each account of a chain is an answer, with a way through all below it."""
    assert asked(chain(engine, 120)) < TWICE * 2 * asked(chain(engine, 60))


@pytest.mark.parametrize("engine", EngineName)
def test_all_of_one_account_costs_the_depth_of_its_roles(engine: EngineName) -> None:
    def cost(depth: int) -> int:
        world = chain(engine, depth)
        return calls_of(lambda: access_of(judged(world), SHAPES[engine].names[0]))

    # Each role of the chain is told with the way to it.
    assert cost(120) < 1.2 * TWICE * cost(60)


@pytest.mark.parametrize("engine", EngineName)
def test_every_account_of_a_deep_chain_is_answered(engine: EngineName) -> None:
    """Deeper than Python's calls may be."""
    depth = sys.getrecursionlimit() + 50
    world = chain(engine, depth)
    rules = judged(world).rules
    (named,) = [on for on in rules.securables(text_of(engine)) if on.name]
    found = rules.decide(SHAPES[engine].names[0], "SELECT", named)
    assert [len(item.path) for item in found.held] == [depth + 1]


@pytest.mark.parametrize("engine", [EngineName.MYSQL, EngineName.MARIADB])
@pytest.mark.parametrize("kind", [PowerKind.SUPERUSER, PowerKind.DANGEROUS])
def test_what_ends_a_power_costs_as_many_steps_as_it_has(
    engine: EngineName, kind: PowerKind
) -> None:
    """Powers are asked for again where a step may have changed others, and at the end."""

    def cost(count: int) -> int:
        world = powerful(engine, count)
        case = Case(judged(world))
        account, found = SHAPES[engine].names[0], list[Remedy]()
        calls = calls_of(lambda: found.append(without_power(case, account, kind)))
        assert found[0].fix.count("REVOKE") == count
        return calls

    assert cost(24) < 1.2 * TWICE * cost(12)


@pytest.mark.parametrize("engine", EngineName)
def test_a_review_of_twice_as_many_accounts_costs_twice(engine: EngineName) -> None:
    def cost(count: int) -> int:
        case = Case(judged(holders(engine, count)))
        return calls_of(lambda: examine(case))

    assert cost(120) < TWICE * cost(60)


def powerful(engine: EngineName, count: int) -> AccessWorld:
    """Return a world in which an account has so many roles, of which each has dangerous rights."""
    account = SHAPES[engine].names[0]
    words = [Grant(Securable(SecurableKind.SERVER), word) for word in ("SUPER", "FILE")]
    roles = [
        AccountState(f"'r{number}'@'%'", AccountKind.ROLE, can_login=False, grants=tuple(words))
        for number in range(count)
    ]
    own = tuple(Membership(role.name) for role in roles)
    user = AccountState(account, AccountKind.USER, can_login=True, memberships=own)
    admin = AccountState("'root'@'localhost'", AccountKind.USER, can_login=True, is_superuser=True)
    accounts = {state.name: state for state in (*roles, user, admin)}
    sections = {SectionKey(name): SectionReport(SectionStatus.READ) for name in SectionName}
    return AccessWorld("i", engine, newest(engine), accounts, sections)
