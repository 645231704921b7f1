"""A scheduled tick above the limit: several runs, one session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    build_init_resource_context,
    build_schedule_context,
)

from sync_pipeline.definitions import defs
from sync_pipeline.fleet import shards
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncType
from sync_pipeline.model.shard import WHOLE, Shard
from sync_pipeline.orchestration.categories.account.job import ACCOUNT_JOB
from sync_pipeline.orchestration.config import SyncConfig
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.jobs import build_job
from sync_pipeline.orchestration.resources import PipelineResource, open_dependencies
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG, Part, Repeated
from sync_pipeline.orchestration.runs.runs import (
    FAILED_INSTANCES_TAG,
    close_session_of,
    reap_sessions,
)
from sync_pipeline.orchestration.schedules import build_schedule
from sync_pipeline.orchestration.selections import SYNC, selected_for
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing.memory import budget_of
from workbench.benches.store_bench import StoreBench
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer, free_port

TICK = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = defs.resolve_job_def("account_sync")
SCHEDULE = {"dagster/schedule_name": "account_sync_schedule"}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with in_environment(environment_of(tmp_path, retry_limit=0)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


@pytest.fixture
def instance(fleet: Fleet) -> Iterator[DagsterInstance]:
    with open_instance() as opened:
        yield opened


def schedule_of(**settings: int) -> ScheduleDefinition:
    given = Settings(**settings)
    return build_schedule(given, build_job(given, ACCOUNT_JOB), "* * * * *", "", is_sharded=True)


def tick(instance: DagsterInstance, **settings: int) -> list[RunRequest] | SkipReason:
    resources = {"pipeline": PipelineResource()}
    with build_schedule_context(
        instance, scheduled_execution_time=TICK, resources=resources
    ) as context:
        found = schedule_of(**settings)(context)
    assert isinstance(found, list | SkipReason)
    return found


def two_hosts(fleet: Fleet, first: RunningServer, second: RunningServer) -> None:
    """Register an instance on each of two hosts, of which the second refuses connections."""
    fleet.add("one", first)
    fleet.add("two", second, host="localhost", port=free_port())


def requests(instance: DagsterInstance) -> list[RunRequest]:
    found = tick(instance, instances_per_run=1)
    assert isinstance(found, list)
    return found


def execute(instance: DagsterInstance, request: RunRequest) -> DagsterRun:
    result = JOB.execute_in_process(
        instance=instance, tags={**request.tags, **SCHEDULE}, raise_on_error=False
    )
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    with open_dependencies() as deps:
        close_session_of(instance, run, deps)
    return run


def test_a_tick_above_the_limit_is_several_runs_of_one_session(
    fleet: Fleet, instance: DagsterInstance, postgresql_server: RunningServer
) -> None:
    two_hosts(fleet, postgresql_server, postgresql_server)
    asked = requests(instance)
    assert [request.tags[SHARD_TAG] for request in asked] == ["1/2", "2/2"]
    assert len({request.run_key for request in asked}) == 2
    (session_id,) = {request.tags[SESSION_TAG] for request in asked}
    again = requests(instance)
    assert [request.run_key for request in again] == [request.run_key for request in asked]
    assert tick(instance, instances_per_run=2) == [RunRequest()]
    assert tick(instance, instances_per_run=0) == [RunRequest()]
    assert fleet.store.sessions.get(session_id) is None  # a look at a schedule writes nothing

    first = execute(instance, asked[0])
    session = fleet.store.sessions.get(session_id)
    assert session is not None
    assert (session.status, session.total) == (SessionStatus.RUNNING, 2)
    assert session.sync_type is SyncType.SCHEDULED_TASK
    second = execute(instance, asked[1])
    session = fleet.ended_session(session_id, 1)
    assert (session.status, session.successful, session.failed) == (SessionStatus.FAILED, 1, 1)
    by_name = {item.instance_name: item for item in fleet.store.sessions.records(session_id)}
    runs = dict(enumerate((first, second), start=1))
    for record in by_name.values():
        assert record.run_id == runs[record.shard].run_id
    refused, good = runs[by_name["two"].shard], runs[by_name["one"].shard]
    found = [instance.get_run_by_id(run.run_id) for run in (refused, good)]
    tags = [run.tags.get(FAILED_INSTANCES_TAG) for run in found if run is not None]
    assert tags == ["two", None]


def test_a_tick_is_a_run_for_each_core_where_no_setting_says_else(
    fleet: Fleet,
    instance: DagsterInstance,
    postgresql_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two_hosts(fleet, postgresql_server, postgresql_server)
    assert tick(instance) == [RunRequest()]
    monkeypatch.setattr(shards, "LEAST_OF_A_RUN", 1)
    monkeypatch.setattr(shards, "usable_cores", lambda: 2)
    found = tick(instance)
    assert isinstance(found, list)
    assert [request.tags[SHARD_TAG] for request in found] == ["1/2", "2/2"]


def test_the_runs_of_a_session_share_what_one_may_hold(
    fleet: Fleet, instance: DagsterInstance, postgresql_server: RunningServer
) -> None:
    two_hosts(fleet, postgresql_server, postgresql_server)
    one = budget_of(Settings()).most
    for tags, most in ((requests(instance)[0].tags, one // 2), ({}, one)):
        pipeline = PipelineResource()
        pipeline._run, pipeline._instance = instance.create_run_for_job(JOB, tags=tags), instance
        with pipeline.open() as deps:
            assert deps.memory.most == most
        pipeline.teardown_after_execution(build_init_resource_context())


def test_no_shard_starts_while_one_of_the_last_session_is_at_work(
    fleet: Fleet, instance: DagsterInstance, postgresql_server: RunningServer
) -> None:
    two_hosts(fleet, postgresql_server, postgresql_server)
    waiting = instance.create_run_for_job(
        JOB, tags=requests(instance)[1].tags, status=DagsterRunStatus.STARTED
    )
    reason = tick(instance, instances_per_run=1)
    assert isinstance(reason, SkipReason)
    assert waiting.run_id in (reason.skip_message or "")


def test_a_store_that_is_gone_leaves_a_run_that_says_so(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/store"
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", gone)
    assert tick(instance, instances_per_run=1) == [RunRequest()]


def test_a_shard_cancelled_before_it_began_ends_its_records_alone(
    fleet: Fleet, instance: DagsterInstance, postgresql_server: RunningServer
) -> None:
    two_hosts(fleet, postgresql_server, postgresql_server)
    asked = requests(instance)
    session_id = asked[0].tags[SESSION_TAG]
    execute(instance, asked[0])
    queued = instance.create_run_for_job(JOB, tags={**asked[1].tags, **SCHEDULE})
    instance.report_run_canceled(queued, "Somebody cancelled it.")
    cancelled = instance.get_run_by_id(queued.run_id)
    assert cancelled is not None
    with open_dependencies() as deps:
        close_session_of(instance, cancelled, deps)
    session = fleet.ended_session(session_id, 1)
    assert (session.status, session.cancelled) == (SessionStatus.CANCELLED, 1)
    (record,) = [item for item in fleet.store.sessions.records(session_id) if item.shard == 2]
    assert record.status is RecordStatus.CANCELLED
    assert "Somebody cancelled it." in (record.error_message or "")


def test_the_reaper_ends_shards_of_which_no_event_told(
    fleet: Fleet, instance: DagsterInstance, postgresql_server: RunningServer
) -> None:
    """One shard failed to launch and no sensor saw it; one has no run at all, for hours."""
    two_hosts(fleet, postgresql_server, postgresql_server)
    fleet.add("three", postgresql_server, host="127.0.0.2")
    asked = requests(instance)
    session_id = asked[0].tags[SESSION_TAG]
    execute(instance, asked[0])
    instance.create_run_for_job(JOB, tags=asked[1].tags, status=DagsterRunStatus.FAILURE)
    with open_dependencies() as deps:
        (reaped,) = reap_sessions(instance, deps)
        assert reaped.run_id is not None
        assert reap_sessions(instance, deps) == ()
        later = datetime.now(UTC) + timedelta(hours=3)
        (reaped,) = reap_sessions(instance, replace(deps, clock=lambda: later))
    assert (reaped.run_id, "never launched" in reaped.reason) == (None, True)
    session = fleet.ended_session(session_id, 1)
    assert session.status is SessionStatus.FAILED
    reasons = {item.shard: item.error_message for item in fleet.store.sessions.records(session_id)}
    assert "before it opened" in (reasons[2] or "")
    assert "never launched" in (reasons[3] or "")


def test_what_is_repeated_is_a_shard_of_before_or_the_fleet_of_now(
    fleet: Fleet, instance: DagsterInstance
) -> None:
    """All steps again, of a whole session, take who has come since; a shard keeps to its own."""
    run = JOB.execute_in_process(instance=instance).dagster_run
    bench = StoreBench(fleet.store, datetime.now(UTC))
    session = bench.open(bench.fleet("before"))
    bench.fleet("since")
    for shard, names in ((WHOLE, {"before", "since"}), (Shard(1, 2), {"before"})):
        part = Part(run.run_id, repeated=Repeated(session.session_id, shard, run))
        with open_dependencies() as deps:
            found = selected_for(run, part, SyncConfig(), deps, SYNC)
        assert {task.name for task in found.tasks} == names
