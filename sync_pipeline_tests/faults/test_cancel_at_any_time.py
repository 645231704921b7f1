"""A run that is cancelled at any moment ends soon, and its session and its log are true."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from multiprocessing.context import ForkServerContext

import dagster as dg
import pytest
from dagster import DagsterEventType as Type

from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import close_session_of
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.fleet.worker import account_sync, create_run
from workbench.running.cancelled_runs import run_processes, started
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer, free_port

pytestmark = pytest.mark.long

RUNS = 50
AT_ONCE = 3
"""Runs that wait for their moment side by side, each with instances of its own."""
INSTANCES = 20
LATEST_SECONDS = 1.5
LONGEST_END_SECONDS = 15
ENDS = {Type.STEP_SUCCESS, Type.STEP_FAILURE, Type.STEP_UP_FOR_RETRY}


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer
) -> Iterator[Fleet]:
    home = tmp_path_factory.mktemp("cancelled")
    environment = environment_of(
        home, step_concurrency=6, retry_base_seconds=0.1, connections_per_host=0, breaker_failures=0
    )
    with in_environment(environment):
        fleet = Fleet(home)
        for name in chain.from_iterable(map(names_of, range(AT_ONCE))):
            is_there = not name.endswith(("4", "9"))
            fleet.add(name, postgresql_server, port=0 if is_there else free_port())
        yield fleet
        fleet.store.close()


@pytest.fixture(scope="module")
def processes(fleet: Fleet) -> Iterator[ForkServerContext]:
    with run_processes() as context:
        yield context


def names_of(group: int) -> list[str]:
    return [f"pg-{group}-{number}" for number in range(INSTANCES)]


def cancelled(
    instance: dg.DagsterInstance, processes: ForkServerContext, group: int, seconds: float
) -> dg.DagsterRun:
    """Carry out a run, cancel it after so many seconds as its launcher does, and return it."""
    config = {"instances": names_of(group)}
    run = create_run(instance, account_sync(), config=config, tags={})
    process = started(processes, run.run_id)
    time.sleep(seconds)
    if process.is_alive():
        instance.report_run_canceling(run)
        assert process.pid is not None
        with suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(process.pid, signal.SIGINT)
    process.join(LONGEST_END_SECONDS)
    assert not process.is_alive()
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    if not found.is_finished:  # it ended before it could say so
        instance.report_run_canceled(found)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
    return found


def unended_steps(instance: dg.DagsterInstance, run_id: str) -> set[str | None]:
    """Return the steps that were begun and of which no end was told."""
    began: set[str | None] = set()
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is not None and event.event_type in (Type.STEP_START, Type.STEP_RESTARTED):
            began.add(event.step_key)
        if event is not None and event.event_type in ENDS:
            began.discard(event.step_key)
    return began


def test_the_session_is_true_whenever_the_run_is_cancelled(
    fleet: Fleet, processes: ForkServerContext
) -> None:
    moments = [random.uniform(0, LATEST_SECONDS) for _ in range(RUNS)]

    def ends(group: int) -> list[SessionStatus]:
        with open_instance() as instance, open_dependencies() as deps:
            return [
                checked(
                    fleet, deps, instance, cancelled(instance, processes, group, at), f"{at:.3f}"
                )
                for at in moments[group::AT_ONCE]
            ]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        seen = list(chain.from_iterable(threads.map(ends, range(AT_ONCE))))
    assert len(seen) == RUNS
    assert SessionStatus.CANCELLED in seen


def checked(
    fleet: Fleet, deps: SyncDeps, instance: dg.DagsterInstance, run: dg.DagsterRun, seconds: str
) -> SessionStatus:
    """Close the session of a run that was cancelled, and return how it ended: truly."""
    session = close_session_of(instance, run, deps)
    ended = fleet.ended_session(session.session_id, 1)
    where = f"after {seconds} seconds: {run.status} {ended}"
    if run.status is dg.DagsterRunStatus.CANCELED:
        assert ended.status is SessionStatus.CANCELLED, where
    else:
        # It ended before the signal, and some instances are not there; or the request
        # came before its start, which Dagster then takes for an end by accident.
        assert ended.status is SessionStatus.FAILED, where
        records = fleet.store.sessions.records(session.session_id)
        ends = {RecordStatus.COMPLETED, RecordStatus.FAILED}
        assert {item.status for item in records} <= ends, where
    assert not unended_steps(instance, run.run_id), where
    return ended.status
