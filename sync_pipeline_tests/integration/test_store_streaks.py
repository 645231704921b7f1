"""Failure streaks and maintenance windows, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.maintenance import NewWindow, window_of
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.store_bench import START, StoreBench, minutes

ACCOUNT, CAPACITY = SyncCategory.ACCOUNT, SyncCategory.CAPACITY


@pytest.fixture
def fleet(store: Store) -> list[Instance]:
    return StoreBench(store).fleet("one", "two")


def fail(
    store: Store,
    instance: Instance,
    session: str,
    at: float,
    message: str = "refused",
    category: SyncCategory = ACCOUNT,
) -> None:
    failed = Streak(instance.id, category, 1, minutes(at), "connect", message)
    store.streaks.lengthen(failed, session)


def test_a_streak_grows_by_one_for_each_session(store: Store, fleet: list[Instance]) -> None:
    one, two = fleet
    fail(store, one, "s1", 0)
    fail(store, one, "s1", 1, "its retry")
    fail(store, two, "s1", 1)
    fail(store, one, "s2", 30, "still refused")
    fail(store, one, "s2", 31, category=CAPACITY)
    found = {(item.instance_id, item.category): item for item in store.streaks.all()}
    assert found == {
        (one.id, ACCOUNT): Streak(one.id, ACCOUNT, 2, minutes(30), "connect", "still refused"),
        (two.id, ACCOUNT): Streak(two.id, ACCOUNT, 1, minutes(1), "connect", "refused"),
        (one.id, CAPACITY): Streak(one.id, CAPACITY, 1, minutes(31), "connect", "refused"),
    }
    assert [item.instance_id for item in store.streaks.all(CAPACITY)] == [one.id]


def test_a_streak_that_ends_begins_again_at_one(store: Store, fleet: list[Instance]) -> None:
    one = fleet[0]
    fail(store, one, "s1", 0)
    fail(store, one, "s2", 30)
    fail(store, one, "s2", 30, category=CAPACITY)
    store.streaks.end(one.id, ACCOUNT)
    assert [item.category for item in store.streaks.all()] == [CAPACITY]
    store.streaks.end(one.id, ACCOUNT)
    fail(store, one, "s3", 60)
    assert [item.failures for item in store.streaks.all(ACCOUNT)] == [1]


def test_a_window_holds_from_its_start_to_its_end(store: Store, fleet: list[Instance]) -> None:
    one, _ = fleet
    number = store.maintenance.start(
        NewWindow(minutes(10), minutes(20), "move", instance_id=one.id, created_by="carol")
    )
    for at, holds in ((9.9, False), (10, True), (19.9, True), (20, False)):
        assert [item.id for item in store.maintenance.active(minutes(at))] == [number] * holds
    (window,) = store.maintenance.list()
    assert (window.instance_name, window.reason, window.created_by) == ("one", "move", "carol")


def test_a_window_that_is_ended_holds_no_longer(store: Store, fleet: list[Instance]) -> None:
    window = NewWindow(START, minutes(20), "move", tag="dc=east")
    first, second = store.maintenance.start(window), store.maintenance.start(window)
    ended = store.maintenance.end(first, minutes(5))
    assert (ended.id, ended.tag, ended.ended_at) == (first, "dc=east", minutes(5))
    assert [item.id for item in store.maintenance.active(minutes(5))] == [second]
    for number, at in ((first, 6), (second, 20), (999, 6)):
        with pytest.raises(ConfigurationError, match=f"number {number} is open"):
            store.maintenance.end(number, minutes(at))


def test_the_longest_window_counts(store: Store, fleet: list[Instance]) -> None:
    bench = StoreBench(store)
    (plain, tagged) = (bench.fleet("one")[0], bench.fleet("two")[0])
    store.maintenance.start(NewWindow(START, minutes(20), "short", instance_id=plain.id))
    longer = store.maintenance.start(NewWindow(START, minutes(30), "long", instance_id=plain.id))
    windows = store.maintenance.active(START + timedelta(seconds=1))
    found = window_of(plain, windows)
    assert found is not None
    assert found.id == longer
    assert window_of(tagged, windows) is None


def test_a_streak_costs_one_statement(store: Store, fleet: list[Instance]) -> None:
    statements: list[str] = []
    engine = store._database.engine

    @event.listens_for(engine, "before_cursor_execute")
    def _count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    fail(store, fleet[0], "s1", 0)
    store.streaks.end(fleet[0].id, ACCOUNT)
    store.streaks.all(ACCOUNT)
    store.maintenance.active(START)
    assert len(statements) == 4
