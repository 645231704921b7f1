"""A kept world is asked by several threads: what one finds out meanwhile is no other's answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import Decision
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies import oracle_accounts as oracle
from workbench.strategies.postgresql_worlds import (
    ORDERS,
    having,
    on,
    read_sections,
    role,
    rules,
    world,
)

FoundT = TypeVar("FoundT")


def between_lines(
    function: str,
    ask: Callable[[], FoundT],
    beside: Callable[[], object],
    only: int | None = None,
) -> tuple[FoundT, int]:
    """Return an answer, and how many lines of a function ran.

    Before each of them, or `only` before one, another question was asked.
    """
    count = 0

    def line(_frame: FrameType, event: str, _of: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if only in (None, count):
                sys.settrace(None)
                beside()
                sys.settrace(call)
        return line

    def call(frame: FrameType, _event: str, _of: Any) -> Any:
        return line if frame.f_code.co_name == function else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        return ask(), count
    finally:
        sys.settrace(before)


def _table(schema: str) -> Securable:
    return Securable(SecurableKind.TABLE, "shop", schema, "orders", catalog="shop")


MINE, OTHER = _table("sales"), _table("stock")
ALICE = role("alice", *on(MINE, "SELECT"), *on(OTHER, "SELECT"), *on(ORDERS, "SELECT"))


def test_postgresql_says_what_is_around_the_object_that_was_asked_about() -> None:
    asked = rules(ALICE)
    decision, count = between_lines(
        "_around",
        lambda: asked.decide("alice", "SELECT", MINE),
        lambda: asked.decide("alice", "SELECT", OTHER),
    )
    assert decision == rules(ALICE).decide("alice", "SELECT", MINE)
    assert count > 2


def test_postgresql_says_what_is_not_known_of_the_object_that_was_asked_about() -> None:
    elsewhere = Securable(SecurableKind.TABLE, "lager", "stock", "orders", catalog="lager")
    failed = {SectionKey(SectionName.TABLE, "lager"): SectionReport(SectionStatus.FAILED, "no")}
    of = world(ALICE, sections={**read_sections(), **failed})
    asked = PostgreSqlAccess(of)
    decision, count = between_lines(
        "_unread_of",
        lambda: asked.decide("alice", "SELECT", MINE),
        lambda: asked.decide("alice", "SELECT", elsewhere),
    )
    assert decision == PostgreSqlAccess(of).decide("alice", "SELECT", MINE)
    assert count > 2


def test_postgresql_finds_all_to_whom_roles_were_given() -> None:
    members = [role(name, member_of=[having("owner")]) for name in ("a", "b", "c")]
    number, count = 0, 1
    while number < count:
        number += 1
        graph, found = RoleGraph(world(*members)), list[set[str]]()

        def ask(graph: RoleGraph = graph, found: list[set[str]] = found) -> None:
            found.append(set(graph.given_by("postgres")))

        _, count = between_lines("given_by", ask, ask, number)
        assert found == [{"a", "b", "c"}] * 2
    assert count > 5


def test_oracle_says_what_an_account_lacks_whoever_looks_at_it_first() -> None:
    user, securable = oracle.user("ALICE", "SELECT on TABLE HR.EMP"), oracle.on("TABLE HR.EMP")
    counts = []
    for number in range(1, 9):
        asked, found = OracleAccess(oracle.world(user)), list[Decision]()

        def ask(asked: OracleAccess = asked, found: list[Decision] = found) -> None:
            found.append(asked.decide("ALICE", "SELECT", securable))

        counts.append(between_lines("_look_at", ask, ask, number)[1])
        alone = OracleAccess(oracle.world(user)).decide("ALICE", "SELECT", securable)
        assert all(item == alone for item in found)
    assert 3 < max(counts) < 8
