"""A run that is killed at any moment, and executed again from failure until it ends well.

Its steps are in threads, whose order is one of chance. One after the other, and then at each
write: test_killed_at_each_write.py.

SYNC_PIPELINE_TEST_KILLS says how many runs, where there is time for more.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.state import KnownExecutionState

from sync_pipeline.model.session import InstanceRecord, RecordStatus, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.lineage import was_done
from sync_pipeline.orchestration.runs.runs import close_session_of
from sync_pipeline.settings import StepExecutor
from workbench.fleet.worker import account_sync, create_run
from workbench.running.cancelled_runs import run_processes, started
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("SYNC_PIPELINE_TEST_KILLS", "6"))
MOST_RUNS = 10 * KILLS
"""Until one was killed in its middle: on a fast machine most are over before."""
INSTANCES = 12
LONGEST_END_SECONDS = 120
RESUMED = {"dagster/is_resume_retry": "true"}


@dataclass(frozen=True)
class World:
    """A fleet, and the server from which processes of runs are forked."""

    fleet: Fleet
    processes: ForkServerContext


@pytest.fixture
def world(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer
) -> Iterator[World]:
    home = tmp_path_factory.mktemp("killed")
    environment = environment_of(
        home,
        executor=StepExecutor.THREADED,
        step_concurrency=3,
        retry_limit=0,
        connections_per_host=0,
    )
    with in_environment(environment):
        fleet = Fleet(home)
        for number in range(INSTANCES):
            fleet.add(f"pg-{number}", postgresql_server)
        with run_processes() as processes:
            yield World(fleet, processes)
        fleet.store.close()


@dataclass(frozen=True)
class Death:
    """When a run is killed: a moment after so many of its session's records are done."""

    records: int
    seconds: float


def carried_out(
    world: World,
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    session_id: str,
    death: Death | None,
) -> dg.DagsterRun:
    """Carry a run out, kill it where it is to be, and tell Dagster as a launcher does."""
    process = started(world.processes, run.run_id)
    if death is not None:
        records = world.fleet.store.sessions.records
        ends_at = time.monotonic() + LONGEST_END_SECONDS
        while process.is_alive() and len(done(records(session_id))) < death.records:
            assert time.monotonic() < ends_at
            time.sleep(0.01)
        time.sleep(death.seconds)
        process.kill()
    process.join(LONGEST_END_SECONDS)
    assert not process.is_alive()
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    if not found.is_finished:
        instance.report_run_failed(found)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
    return found


def from_failure(instance: dg.DagsterInstance, parent: dg.DagsterRun) -> dg.DagsterRun:
    """Make the run that the UI's button makes, with the steps that Dagster finds."""
    job = account_sync()
    steps, known = KnownExecutionState.build_resume_retry_reexecution(instance, parent)
    return instance.create_run_for_job(
        job_def=job.get_definition(),
        execution_plan=create_execution_plan(
            job, parent.run_config, step_keys_to_execute=steps, known_state=known
        ),
        run_config=parent.run_config,
        tags={**parent.tags, **RESUMED},
        root_run_id=parent.root_run_id or parent.run_id,
        parent_run_id=parent.run_id,
        job_code_origin=job.get_python_origin(),
    )


def done(records: list[InstanceRecord]) -> dict[str, InstanceRecord]:
    return {item.instance_name: item for item in records if item.status is RecordStatus.COMPLETED}


def test_what_was_asked_for_is_done_whenever_the_run_is_killed(world: World) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    fleet = world.fleet
    left = 0
    with open_instance() as instance, open_dependencies() as deps:
        for number in range(MOST_RUNS):
            if number >= KILLS and left:
                break
            run = first = create_run(instance, account_sync(), config={}, tags={})
            before: dict[str, InstanceRecord] = {}
            while True:
                at = Death(chance.randint(0, INSTANCES), chance.uniform(0, 0.3))
                death = at if chance.random() < 0.7 else None
                run = carried_out(world, instance, run, first.run_id, death)
                session = close_session_of(instance, run, deps)
                where = f"seed {seed}, run {number}, {death}: {run.status} {session}"
                assert session.session_id == first.run_id, where
                records = fleet.store.sessions.records(first.run_id)
                assert all(item.status.is_terminal for item in records), where
                now = done(records)
                assert {name: now.get(name) for name in before} == before, where
                if run.status is dg.DagsterRunStatus.SUCCESS:
                    break
                left += bool(now) and len(now) < INSTANCES
                before = now
                if was_done(run, instance):
                    break  # it was killed after its last step
                run = from_failure(instance, run)
            assert session.status is SessionStatus.COMPLETED, where
            assert len(now) == INSTANCES, where
    assert left, "no run was killed in the middle"
