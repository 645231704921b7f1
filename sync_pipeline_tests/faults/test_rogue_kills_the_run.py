"""A run that dies of one instance does not die of it again before the others are done.

It is killed, as the kernel does where a machine or a container has no memory left, or its
process gets no more memory than it has (RLIMIT_AS, as `ulimit -v`).
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat
from multiprocessing.context import ForkServerContext
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.model.breaker import OUT_OF_MEMORY, RUN_DIED
from sync_pipeline.model.instance import EngineName, TlsMode, TlsOptions
from sync_pipeline.model.session import InstanceRecord, RecordStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import close_session_of
from workbench.fleet.worker import account_sync, create_run
from workbench.running.cancelled_runs import run_processes, started
from workbench.running.system import (
    Fleet,
    environment_of,
    in_environment,
    wait_for,
)
from workbench.servers.rogue import mysql
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.running import RunningServer

GOOD = ("good-1", "good-2", "good-3")
SECONDS = 90


def kill(pid: int) -> Iterator[bytes]:
    """Kill a process, as the end of memory does."""
    os.kill(pid, signal.SIGKILL)
    raise EOFError


def exhaust(pid: int) -> Iterator[bytes]:
    """Let a process have little more memory than it has, and send it rows without end."""
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    limit = size + 8 * 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    row = mysql.text(b"x" * 2000) * 2
    return chain(mysql.head("version", "comment"), repeat(row))


class Killer:
    """A server that ends the process, or its memory, which asks it for anything."""

    def __init__(self, attack: Callable[[int], Iterator[bytes]]) -> None:
        self.pid = 0
        self.is_armed = threading.Event()
        self._attack = attack

    def answer(self, sql: str) -> Iterator[bytes] | None:
        if "SELECT" not in sql:
            return None
        self.is_armed.wait(SECONDS)
        return self._attack(self.pid)


@contextmanager
def killer(attack: Callable[[int], Iterator[bytes]]) -> Iterator[tuple[Killer, int]]:
    found = Killer(attack)
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


@pytest.mark.parametrize(("attack", "kind"), [(kill, RUN_DIED), (exhaust, OUT_OF_MEMORY)])
def test_what_a_run_died_of_comes_last_and_then_less_often(
    tmp_path: Path,
    postgresql_server: RunningServer,
    attack: Callable[[int], Iterator[bytes]],
    kind: str,
) -> None:
    settings = {"retry_limit": 0, "breaker_failures": 2, "step_concurrency": 4}
    environment = environment_of(tmp_path, connections_per_host=0, **settings)
    with in_environment(environment), killer(attack) as (rogue, port):
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
            assert (first["bad"].status, first["bad"].error_kind) == (RecordStatus.FAILED, kind)
            (streak,) = fleet.store.streaks.all()
            assert (streak.instance_id, streak.failures) == (bad.id, 1)
            assert streak.error_kind == kind
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
            assert "the run at work on it died or had no memory left" in (
                third["bad"].error_message or ""
            )
        fleet.store.close()
