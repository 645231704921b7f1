"""What every engine promises of a reading: it is the same where the accounts are the same."""

from __future__ import annotations

from dataclasses import replace

from sync_pipeline.collect.accounts import CollectScope, read_accounts
from sync_pipeline.collect.holders import holder_marks, of_holders
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.collect.visibility import package_of
from sync_pipeline.engines.base import sql_text
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.privilege import OF_SERVER
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.worlds.world import NOW, Change, Row, Topic, World

Marks = tuple[str, str, str]


def reading(world: World, change: Change | None = None) -> AccountReading:
    """Read as a sync does, on the connection itself or through one that changes answers."""
    opened = world.connections() if change is None else world.opener(change)
    with opened as opener:
        return read_accounts(world.engine, opener, CollectScope(world.username), NOW)


def marks(found: AccountReading) -> Marks:
    return repr(found.facts), found.in_order, found.digest


def said(found: AccountReading) -> Snapshot:
    return replace(found.snapshot(), timings={})


def test_a_reading_made_again_is_the_same(world: World) -> None:
    world.run(*world.first(Topic.GRANTS).steps)
    before = reading(world)
    again = reading(world)
    assert marks(again) == marks(before)
    assert said(again) == said(before)
    assert said(before) == said(before), "a snapshot can be made twice"


def test_grants_are_made_of_the_rows_that_name_their_holder_alone(world: World) -> None:
    """Where an engine says so: what it makes of a part of the rows is a part of what of all."""
    has_holders = any(query.holder for query in world.engine.account_queries)
    telling = tuple({query.telling for query in world.engine.account_queries if query.telling})
    for steps in (world.many(3), world.first(Topic.GRANTS).steps, world.first(Topic.ROLES).steps):
        world.reset()
        world.run(*steps)
        found = reading(world)
        assert bool(holder_marks(found)) is has_holders
        whole = {state.name: state for state in found.snapshot().accounts}
        for wanted in (set(), set(sorted(whole)[::2]), set(whole)):
            part = of_holders(found, wanted.__contains__).snapshot().accounts
            assert {state.name: state for state in part} == {
                name: state
                if name in wanted or name.startswith(telling) or not has_holders
                else replace(state, grants=())
                for name, state in whole.items()
            }
        if not has_holders:
            return


def test_rows_in_another_order_are_the_same_but_for_the_order(world: World) -> None:
    def as_they_are(sql: str, rows: list[Row]) -> list[Row]:
        return rows

    def reversed_rows(sql: str, rows: list[Row]) -> list[Row]:
        return rows[::-1]

    world.run(*world.many(3))
    facts, in_order, digest = marks(reading(world, as_they_are))
    turned = marks(reading(world, reversed_rows))
    assert turned == (facts, turned[1], digest)
    assert turned[1] != in_order
    holders = holder_marks(reading(world, as_they_are))
    assert holder_marks(reading(world, reversed_rows)) == holders


def test_whatever_is_made_is_another_reading(world: World) -> None:
    for topic in (Topic.GRANTS, Topic.ROLES, Topic.STATE):
        world.reset()
        before = reading(world)
        try:
            world.run(*world.first(topic).steps)
            after = reading(world)
        finally:
            world.run(*world.first(topic).undo)
        assert said(after) != said(before), topic
        assert (repr(after.facts), after.digest) != (repr(before.facts), before.digest), topic
        assert (repr(after.facts), after.in_order) != (repr(before.facts), before.in_order), topic


def test_what_is_refused_is_another_reading_with_its_reason(world: World) -> None:
    whole = reading(world)
    queries = world.engine.account_queries
    query = [item for item in queries if not OF_SERVER.intersection(item.fills)][-1]
    file = query.file_for(whole.server.version_number, whole.server.place)
    assert file is not None
    text = sql_text(package_of(world.engine), file)

    def refused(reason: str) -> Change:
        def change(sql: str, rows: list[Row]) -> list[Row]:
            if sql == text:
                raise PrivilegeError(reason)
            return rows

        return change

    one, again, other = (reading(world, refused(reason)) for reason in ("one", "one", "other"))
    assert one.unread
    assert marks(one) == marks(again)
    assert repr(one.facts) != repr(other.facts) != repr(whole.facts)
