"""Many workers on one store: no lock error, no lost record."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sync_pipeline.errors import StaleClaim
from sync_pipeline.model.inventory import AccountFilter
from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import DONE, StoreBench, an_account, new_id

WORKERS = 16
INSTANCES = 64
PROCESSES = 4


def sync(store: Store, session_id: str, name: str) -> None:
    """Do what a worker does, in its order: claim, read, apply."""
    bench = StoreBench(store, datetime.now(UTC))
    instance = store.registry.instance(name)
    assert instance is not None
    claim = store.sessions.claim(session_id, instance.id, session_id, bench.now)
    bench.apply_claimed(claim, instance, *[an_account(f"user{number}") for number in range(20)])


def sync_in_a_process(url: str, session_id: str, names: list[str]) -> None:
    store = Store.open(url)
    for name in names:
        sync(store, session_id, name)
    store.close()


def expect_everything(store: Store, session_id: str) -> None:
    session = store.sessions.get(session_id)
    assert session is not None
    assert (session.status, session.successful) == (SessionStatus.COMPLETED, INSTANCES)
    assert len(store.accounts.find(AccountFilter(limit=10_000))) == INSTANCES * 20


def test_threads_share_a_store(store: Store) -> None:
    bench = StoreBench(store)
    fleet = bench.fleet(*[f"db{number}" for number in range(INSTANCES)])
    session_id = bench.open(fleet).session_id
    with ThreadPoolExecutor(WORKERS) as pool:
        done = [pool.submit(sync, store, session_id, item.name) for item in fleet]
    for future in done:
        future.result()
    expect_everything(store, session_id)


def test_processes_share_a_store(store: Store, store_url: str) -> None:
    bench = StoreBench(store)
    fleet = [item.name for item in bench.fleet(*[f"db{number}" for number in range(INSTANCES)])]
    session_id = bench.open(store.registry.instances()).session_id
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(
            target=sync_in_a_process, args=(store_url, session_id, fleet[number::PROCESSES])
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    expect_everything(store, session_id)


def test_runs_open_and_end_while_workers_write(store: Store) -> None:
    """Everybody locks in one order: nobody meets a deadlock, and the counts stay true."""
    bench = StoreBench(store)
    fleet = bench.fleet(*[f"db{number}" for number in range(24)])
    session_id = new_id()
    runs = [new_id() for _ in range(12)]
    bench.open(fleet, session_id, runs[0])

    def work(run_id: str) -> None:
        for instance in fleet:
            with contextlib.suppress(StaleClaim):
                claim = store.sessions.claim(session_id, instance.id, run_id, bench.now)
                store.sessions.finish(claim, DONE, bench.now)

    def take_over(run_id: str, before: str) -> None:
        bench.open(fleet, session_id, run_id)
        store.sessions.close_run(session_id, before, SessionStatus.FAILED, "over", bench.now)

    with ThreadPoolExecutor(WORKERS) as pool:
        done = [pool.submit(work, runs[0])]
        for before, run_id in itertools.pairwise(runs):
            done.append(pool.submit(take_over, run_id, before))
            done.append(pool.submit(work, run_id))
    for future in done:
        with contextlib.suppress(StaleClaim):
            future.result()
    for run_id in runs:
        store.sessions.close_run(session_id, run_id, SessionStatus.FAILED, "end", bench.now)
    session = bench.session(session_id)
    statuses = [item.status for item in store.sessions.records(session_id)]
    assert session.status.is_terminal
    assert session.successful == statuses.count(RecordStatus.COMPLETED)
    assert session.failed == statuses.count(RecordStatus.FAILED)
    assert session.successful + session.failed == len(fleet)
