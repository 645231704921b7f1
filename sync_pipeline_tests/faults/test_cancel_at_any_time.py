"""A run that is cancelled at any moment ends soon, and its session and its log are true."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext

import dagster as dg
import pytest
from dagster import DagsterEventType as Type

from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import close_session_of
from workbench.fleet.worker import account_sync, create_run
from workbench.running.cancelled_runs import run_processes, started
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer, free_port

pytestmark = pytest.mark.long

RUNS = 50
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
        for number in range(INSTANCES):
            is_there = number % 5 != 4
            fleet.add(f"pg-{number}", postgresql_server, port=0 if is_there else free_port())
        yield fleet
        fleet.store.close()


@pytest.fixture(scope="module")
def processes(fleet: Fleet) -> Iterator[ForkServerContext]:
    with run_processes() as context:
        yield context


def cancelled(
    instance: dg.DagsterInstance, processes: ForkServerContext, seconds: float
) -> dg.DagsterRun:
    """Carry out a run, cancel it after so many seconds as its launcher does, and return it."""
    run = create_run(instance, account_sync(), config={}, tags={})
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
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    seen: set[SessionStatus] = set()
    with open_instance() as instance, open_dependencies() as deps:
        for _ in range(RUNS):
            seconds = chance.uniform(0, LATEST_SECONDS)
            run = cancelled(instance, processes, seconds)
            session = close_session_of(instance, run, deps)
            ended = fleet.ended_session(session.session_id, 1)
            where = f"seed {seed}, after {seconds:.3f} seconds: {run.status} {ended}"
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
            seen.add(ended.status)
    assert SessionStatus.CANCELLED in seen
