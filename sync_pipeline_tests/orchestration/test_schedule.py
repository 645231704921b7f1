"""The schedule, run by the daemon of a plain `dagster dev` in the project's directory.

Nothing but SYNC_PIPELINE_HOME is set: the project's workspace.yaml and dagster.yaml
must be in force by themselves, and all state must be found in the home directory.
"""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    RunRequest,
    ScheduleDefinition,
    build_schedule_context,
)
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.schedules import schedule_execution_time_iterator

from sync_pipeline.model.session import SessionStatus, SyncType
from sync_pipeline.orchestration.categories.aggregation.due import (
    LONGEST_START,
    is_collecting,
    last_tick,
)
from sync_pipeline.orchestration.categories.aggregation.steps import SECONDS_BETWEEN_LOOKS
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource, open_dependencies
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG
from sync_pipeline.settings import project_root
from sync_pipeline.workflows.syncing.aggregation import await_collection
from workbench.running.system import (
    Fleet,
    System,
    dagster_dev,
    environment_of,
    held,
    in_environment,
    running_system,
    wait_for,
)
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

TICKS = """
query ($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
  ... on Schedule { scheduleState { status ticks(limit: 10) { status skipReason runIds } } }
} }
"""
SELECTOR = {
    "repositoryLocationName": "sync_pipeline",
    "repositoryName": "__repository__",
    "scheduleName": "account_sync_schedule",
}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer) -> Path:
    """A home whose registry has two instances, on two hosts."""
    home = tmp_path_factory.mktemp("schedule")
    with in_environment(environment_of(home)):
        fleet = Fleet(home)
        fleet.add("pg", postgresql_server)
        fleet.add("other", postgresql_server, host="localhost")
        fleet.store.close()
    return home


def ticks(system: System) -> list[dict[str, Any]]:
    answer = system.graphql(TICKS, selector=SELECTOR)["scheduleOrError"]
    found: list[dict[str, Any]] = answer["scheduleState"]["ticks"]
    return found


def begin_schedule(home: Path, cron: str, since: datetime) -> None:
    """Let the schedule have begun before the daemon does, whose first tick is then the last one."""
    module = "sync_pipeline.definitions"
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=module)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, SELECTOR["repositoryLocationName"])
    repository = RemoteRepositoryOrigin(location, SELECTOR["repositoryName"])
    origin = RemoteInstigatorOrigin(repository, SELECTOR["scheduleName"])
    data = ScheduleInstigatorData(cron, since.timestamp())
    declared = InstigatorStatus.DECLARED_IN_CODE
    with in_environment(environment_of(home)), open_instance() as instance:
        instance.add_instigator_state(
            InstigatorState(origin, InstigatorType.SCHEDULE, declared, data)
        )


def test_the_schedule_runs_and_skips(home: Path, postgresql_server: RunningServer) -> None:
    """The fleet has two hosts and a run takes one: a tick is two runs of one session.

    The first tick comes as soon as the daemon is up, the second one with the next minute.
    """
    every_minute = "* * * * *"
    cron = {"account_sync_cron": every_minute, "instances_per_run": 1}
    begin_schedule(home, every_minute, datetime.now(UTC) - timedelta(minutes=1))
    with (
        held(postgresql_server) as release,
        running_system(home, dagster_dev, **cron) as system,
    ):

        def scheduled() -> list[str] | None:
            return next((tick["runIds"] for tick in ticks(system) if tick["runIds"]), None)

        run_ids = wait_for(scheduled, 140, "a scheduled tick")
        with open_instance() as instance:
            runs = [run for run in map(instance.get_run_by_id, run_ids) if run is not None]
        assert sorted(run.tags[SHARD_TAG] for run in runs) == ["1/2", "2/2"]
        (session_id,) = {run.tags[SESSION_TAG] for run in runs}
        for name in ("pg", "other"):
            system.fleet.wait_running(session_id, name)

        def skipped() -> str | None:
            reasons = [tick["skipReason"] for tick in ticks(system) if tick["status"] == "SKIPPED"]
            return next((reason for reason in reasons if reason), None)

        reason = wait_for(skipped, 80, "a skipped tick")
        assert any(run_id in reason for run_id in run_ids)
        release()
        assert [system.ended_run(run_id) for run_id in run_ids] == ["SUCCESS", "SUCCESS"]
        session = system.fleet.ended_session(session_id)
        assert (session.status, session.successful) == (SessionStatus.COMPLETED, 2)
        assert session.sync_type is SyncType.SCHEDULED_TASK
        assert session.created_by == "account_sync_schedule"
        with open_instance() as instance:
            assert instance.root_directory == str(system.fleet.settings.dagster_home)


@pytest.mark.parametrize("aggregation_comes_first", [True, False])
def test_at_summer_time_the_aggregation_waits_for_that_days_collection(
    home: Path, postgresql_server: RunningServer, *, aggregation_comes_first: bool
) -> None:
    """03:00 does not exist then: both ticks are at 04:00, and either may be taken first.

    The schedules and the jobs are the real ones, of a location in that time zone. The
    clock alone is set: to a moment after the ticks.
    """
    started: list[str] = []

    def collect(seconds: float = 0) -> None:
        request = evaluated(schedules["capacity_sync_schedule"], instance, tick)
        assert isinstance(request, RunRequest)
        job = defs.resolve_job_def("capacity_sync")
        started.append(job.execute_in_process(instance=instance, raise_on_error=False).run_id)

    with in_environment(environment_of(home, time_zone="Europe/Helsinki", retry_limit=0)):
        defs = runpy.run_path(str(project_root() / "sync_pipeline" / "definitions.py"))["defs"]
        schedules = {schedule.name: schedule for schedule in defs.schedules}
        evening = datetime(2026, 3, 28, 18, tzinfo=UTC)
        ticks_of_both = {
            next(
                schedule_execution_time_iterator(
                    evening.timestamp(), found.cron_schedule, found.execution_timezone
                )
            )
            for found in (
                schedules["capacity_sync_schedule"],
                schedules["aggregate_sizes_schedule"],
            )
        }
        (tick,) = ticks_of_both
        assert tick == datetime(2026, 3, 29, 1, tzinfo=UTC)
        with open_instance() as instance, open_dependencies() as opened:
            deps = replace(opened, clock=lambda: tick + timedelta(seconds=20))
            if not aggregation_comes_first:
                collect()
            asked = evaluated(schedules["aggregate_sizes_schedule"], instance, tick)
            assert isinstance(asked, RunRequest)
            session, waited = await_collection(
                deps, lambda: is_collecting(instance, deps), collect, SECONDS_BETWEEN_LOOKS
            )
    assert session is not None
    assert started == [session.session_id]
    assert session.status.is_terminal
    assert (waited > 0) is aggregation_comes_first


def test_a_collection_that_never_starts_holds_up_no_aggregation(home: Path) -> None:
    """Its schedule may be off: a tick counts as due for some minutes only."""
    with (
        in_environment(environment_of(home)),
        open_instance() as instance,
        open_dependencies() as opened,
    ):
        settings = opened.settings
        tick = last_tick(settings.capacity_sync_cron, settings.time_zone, opened.clock())
        now = [tick]
        deps = replace(opened, clock=lambda: now[0])

        def wait(seconds: float) -> None:
            now[0] += timedelta(seconds=seconds)

        found = await_collection(deps, lambda: is_collecting(instance, deps), wait, 60)
    assert found == (None, LONGEST_START.total_seconds() + 60)


def evaluated(schedule: ScheduleDefinition, instance: DagsterInstance, tick: datetime) -> object:
    """Return what a real schedule asks for at a tick."""
    resources = {"pipeline": PipelineResource()}
    with build_schedule_context(
        instance, scheduled_execution_time=tick, resources=resources
    ) as context:
        found = schedule(context)
    return found[0] if isinstance(found, list) else found
