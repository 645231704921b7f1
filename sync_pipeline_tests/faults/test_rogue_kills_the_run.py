"""A run that dies of one instance does not die of it again before the others are done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext
from pathlib import Path

import dagster as dg

from benchmarks.fleet.worker import account_sync, create_run
from sync_pipeline.model.breaker import RUN_DIED
from sync_pipeline.model.instance import EngineName, TlsMode, TlsOptions
from sync_pipeline.model.session import InstanceRecord, RecordStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs import close_session_of
from sync_pipeline_tests.faults.cancelled_runs import run_processes, started
from sync_pipeline_tests.orchestration.system import (
    Fleet,
    environment_of,
    in_environment,
    wait_for,
)
from sync_pipeline_tests.servers.rogue.mysql import rogue_mysql
from sync_pipeline_tests.servers.running import RunningServer

GOOD = ("good-1", "good-2", "good-3")
SECONDS = 90


class Killer:
    """A server that kills the process which asks it for anything, as memory's end would."""

    def __init__(self) -> None:
        self.pid = 0
        self.is_armed = threading.Event()

    def answer(self, sql: str) -> list[bytes] | None:
        if "SELECT" not in sql:
            return None
        self.is_armed.wait(SECONDS)
        os.kill(self.pid, signal.SIGKILL)
        raise EOFError


@contextmanager
def killer() -> Iterator[tuple[Killer, int]]:
    found = Killer()
    with rogue_mysql(found.answer) as port:
        yield found, port


def killed_run(
    processes: ForkServerContext, instance: dg.DagsterInstance, rogue: Killer, fleet: Fleet
) -> dict[str, InstanceRecord]:
    """Carry out a run that the rogue kills when all others are done, or never."""
    run = create_run(instance, account_sync(), config={}, tags={})
    rogue.is_armed.clear()
    process = started(processes, run.run_id)
    assert process.pid is not None
    rogue.pid = process.pid

    def records() -> dict[str, InstanceRecord]:
        found = fleet.store.sessions.records(run.run_id)
        return {item.instance_name: item for item in found}

    def others_are_done() -> bool:
        found = records()
        return bool(found) and all(found[name].completed_at is not None for name in GOOD)

    wait_for(others_are_done, SECONDS, "the good instances")
    rogue.is_armed.set()
    process.join(SECONDS)
    assert not process.is_alive()
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    if not ended.is_finished:
        instance.report_run_failed(ended, "Its process was killed.")
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
    with open_dependencies() as deps:
        close_session_of(instance, ended, deps)
    return records()


def test_what_a_run_died_of_comes_last_and_then_less_often(
    tmp_path: Path, postgresql_server: RunningServer
) -> None:
    settings = {"retry_limit": 0, "breaker_failures": 2, "step_concurrency": 4}
    environment = environment_of(tmp_path, connections_per_host=0, **settings)
    with in_environment(environment), killer() as (rogue, port):
        fleet = Fleet(tmp_path)
        bad = fleet.add("bad", postgresql_server, port=port)
        changed = replace(bad, engine=EngineName.MARIADB, tls=TlsOptions(TlsMode.DISABLE))
        fleet.store.registry.put_instances([changed], datetime.now(UTC))
        for name in GOOD:
            fleet.add(name, postgresql_server)
        with run_processes() as processes, open_instance() as instance:
            first = killed_run(processes, instance, rogue, fleet)
            assert {name: first[name].status for name in GOOD} == dict.fromkeys(
                GOOD, RecordStatus.COMPLETED
            )
            assert (first["bad"].status, first["bad"].error_kind) == (RecordStatus.FAILED, RUN_DIED)
            (streak,) = fleet.store.streaks.all()
            assert (streak.instance_id, streak.failures) == (bad.id, 1)
            second = killed_run(processes, instance, rogue, fleet)
            begun = second["bad"].started_at
            assert begun is not None
            for name in GOOD:
                ended = second[name].completed_at
                assert second[name].status is RecordStatus.COMPLETED
                assert ended is not None
                assert ended <= begun
            assert [item.failures for item in fleet.store.streaks.all()] == [2]
            third = killed_run(processes, instance, rogue, fleet)
            assert (third["bad"].status, third["bad"].error_kind) == (
                RecordStatus.SKIPPED,
                "breaker",
            )
            assert "the run at work on it died" in (third["bad"].error_message or "")
        fleet.store.close()
