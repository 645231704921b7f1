"""Leases: one run at a time syncs an instance."""

from __future__ import annotations

import threading

import pytest

from sync_pipeline.errors import LeaseHeld
from sync_pipeline.model.session import SessionStatus, SyncCategory
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import START, StoreBench, minutes

ACCOUNT = SyncCategory.ACCOUNT


@pytest.fixture
def instance_id(store: Store) -> int:
    (instance,) = StoreBench(store).fleet("db")
    return instance.id


def test_a_second_holder_is_told_who_and_until_when(store: Store, instance_id: int) -> None:
    store.leases.acquire(instance_id, ACCOUNT, "first", 600, START)
    store.leases.acquire(instance_id, ACCOUNT, "first", 600, minutes(1))
    with pytest.raises(LeaseHeld, match=r"run first.*2026-03-01 12:11:00 UTC") as caught:
        store.leases.acquire(instance_id, ACCOUNT, "second", 600, minutes(10))
    assert not caught.value.retryable


def test_a_lease_that_is_given_back_is_free(store: Store, instance_id: int) -> None:
    store.leases.acquire(instance_id, ACCOUNT, "first", 600, START)
    store.leases.release(instance_id, ACCOUNT, "first")
    store.leases.acquire(instance_id, ACCOUNT, "second", 600, START)


def test_an_expired_lease_is_taken_over_and_its_old_holder_can_t_end_it(
    store: Store, instance_id: int
) -> None:
    store.leases.acquire(instance_id, ACCOUNT, "dead", 600, START)
    store.leases.acquire(instance_id, ACCOUNT, "heir", 600, minutes(10))
    store.leases.release(instance_id, ACCOUNT, "dead")
    with pytest.raises(LeaseHeld, match="run heir"):
        store.leases.acquire(instance_id, ACCOUNT, "third", 600, minutes(11))


def test_the_end_of_a_run_frees_its_leases(store: Store) -> None:
    bench = StoreBench(store)
    fleet = bench.fleet("one", "two")
    session = bench.open(fleet)
    for instance in fleet:
        store.leases.acquire(instance.id, ACCOUNT, session.run_id, 600, START)
    store.sessions.close_run(session.session_id, session.run_id, SessionStatus.FAILED, "x", START)
    for instance in fleet:
        store.leases.acquire(instance.id, ACCOUNT, "next", 600, START)


def test_of_runs_that_come_at_once_one_gets_the_lease(store: Store, instance_id: int) -> None:
    won: list[str] = []
    barrier = threading.Barrier(8)

    def run(holder: str) -> None:
        barrier.wait()
        try:
            store.leases.acquire(instance_id, ACCOUNT, holder, 600, START)
        except LeaseHeld:
            return
        won.append(holder)

    threads = [threading.Thread(target=run, args=[f"run{number}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
