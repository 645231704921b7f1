"""Failure streaks and maintenance windows, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.breaker import RUN_DIED, Streak
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.maintenance import NewWindow, window_of
from sync_pipeline.model.session import SessionStatus, SyncCategory
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import DONE, START, StoreBench, minutes

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


def close(store: Store, session_id: str, status: SessionStatus, run_id: str = "") -> None:
    store.sessions.close_run(session_id, run_id or session_id, status, "It was killed.", minutes(9))


def test_a_death_counts_for_what_was_at_work_and_for_nothing_else(store: Store) -> None:
    bench = StoreBench(store)
    done, working, waiting, retried = bench.fleet("done", "working", "waiting", "retried")
    session = bench.open([done, working, waiting, retried], "s1")
    store.sessions.finish(bench.claim(session, done), DONE, minutes(1))
    store.sessions.release(bench.claim(session, retried), "connect", "refused")
    bench.claim(session, working)
    close(store, "s1", SessionStatus.FAILED)
    close(store, "s1", SessionStatus.FAILED)  # as the sensors and the reaper may
    assert store.streaks.all() == [
        Streak(working.id, ACCOUNT, 1, minutes(9), RUN_DIED, "It was killed.")
    ]
    assert store.streaks.all()[0].is_suspect
    assert "It was killed." in (bench.record("s1", working).error_message or "")


def test_a_second_death_of_a_session_counts_no_more_but_one_of_the_next_does(
    store: Store,
) -> None:
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    for session_id, run_id, failures in (("s1", "r1", 1), ("s1", "r2", 1), ("s2", "r3", 2)):
        bench.claim(bench.open([one], session_id, run_id), one, run_id)
        close(store, session_id, SessionStatus.FAILED, run_id)
        assert [item.failures for item in store.streaks.all()] == [failures]


def test_a_run_that_is_cancelled_is_no_death(store: Store) -> None:
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    bench.claim(bench.open([one], "s1"), one)
    close(store, "s1", SessionStatus.CANCELLED)
    assert store.streaks.all() == []


def test_a_suspect_waits_for_all_that_work_or_will(store: Store) -> None:
    bench = StoreBench(store)
    good, retried, first, second = bench.fleet("good", "retried", "first", "second")
    session = bench.open([good, retried, first, second], "s1")

    def waits(*ids: int) -> bool:
        return store.sessions.has_others("s1", "s1", ids)

    after = (first.id, second.id)
    assert waits(*after)
    store.sessions.release(bench.claim(session, retried), "connect", "refused")
    claim = bench.claim(session, good)
    assert waits(*after)
    store.sessions.finish(claim, DONE, minutes(1))
    assert not waits(*after)
    claim = bench.claim(session, first)
    assert waits(second.id)
    store.sessions.finish(claim, DONE, minutes(1))
    assert not waits(second.id)
