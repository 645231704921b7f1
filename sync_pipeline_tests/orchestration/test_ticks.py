"""A tick is carried out once, whichever daemons took it up, and every part of it is."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
)
from dagster._core.utils import make_new_run_id

from sync_pipeline.model.session import SessionFilter, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource, open_dependencies
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG
from sync_pipeline.orchestration.runs.runs import (
    SCHEDULE_TAG,
    SUPERFLUOUS_TAG,
    TICK_TAG,
)
from sync_pipeline.orchestration.ticks import tick_of
from sync_pipeline.settings import project_root
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer

TICK = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
NAME = "account_sync_schedule"
TAGS = {SCHEDULE_TAG: NAME, TICK_TAG: TICK.isoformat()}


@contextmanager
def location(home: Path, store: Path, **settings: object) -> Iterator[Any]:
    """Yield the definitions of a home whose store is elsewhere."""
    url = f"sqlite:///{store / 'store.db'}"
    with in_environment(environment_of(home, store_url=url, retry_limit=0, **settings)):
        yield runpy.run_path(str(project_root() / "sync_pipeline" / "definitions.py"))["defs"]


def asked_for(defs: Any, instance: DagsterInstance) -> Any:
    """Return what the schedule asks for at the tick."""
    schedule = next(item for item in defs.schedules if item.name == NAME)
    resources = {"pipeline": PipelineResource()}
    with build_schedule_context(
        instance, scheduled_execution_time=TICK, resources=resources
    ) as context:
        return schedule(context)


def begin(defs: Any, instance: DagsterInstance, request: RunRequest) -> None:
    """Make a run of the tick, as the daemon does before it dies."""
    job = defs.resolve_job_def("account_sync")
    instance.create_run_for_job(
        job, tags={**request.tags, **TAGS}, status=DagsterRunStatus.STARTING
    )


def test_a_tick_of_which_a_part_was_begun_asks_for_all_of_it(
    tmp_path: Path, postgresql_server: RunningServer
) -> None:
    """And for nothing else: the fleet may have grown since."""
    home = tmp_path / "one"
    home.mkdir(0o700)
    with location(home, tmp_path, instances_per_run=1) as defs, open_instance() as instance:
        fleet = Fleet(home, f"sqlite:///{tmp_path / 'store.db'}")
        fleet.add("a", postgresql_server)
        fleet.add("b", postgresql_server, host="localhost")
        first = asked_for(defs, instance)
        assert [item.tags[SHARD_TAG] for item in first] == ["1/2", "2/2"]
        begin(defs, instance, first[0])
        fleet.store.registry.put_instances(
            [replace(fleet.add("c", postgresql_server), host="127.0.0.2")], TICK
        )
        again = asked_for(defs, instance)
        fleet.store.close()
    assert [(item.run_key, item.tags) for item in again] == [
        (item.run_key, item.tags) for item in first
    ]


def test_a_tick_whose_only_run_is_at_work_is_no_skipped_one(tmp_path: Path) -> None:
    home = tmp_path / "one"
    home.mkdir(0o700)
    with location(home, tmp_path) as defs, open_instance() as instance:
        (first,) = asked_for(defs, instance)
        begin(defs, instance, first)
        (again,) = asked_for(defs, instance)
    assert SESSION_TAG not in again.tags


def test_a_run_of_another_tick_is_waited_for(tmp_path: Path) -> None:
    home = tmp_path / "one"
    home.mkdir(0o700)
    with location(home, tmp_path) as defs, open_instance() as instance:
        earlier = {TICK_TAG: datetime(2026, 3, 1, 12, tzinfo=UTC).isoformat()}
        job = defs.resolve_job_def("account_sync")
        instance.create_run_for_job(job, tags={**TAGS, **earlier}, status=DagsterRunStatus.STARTED)
        found = asked_for(defs, instance)
    assert isinstance(found, SkipReason)


@pytest.mark.parametrize("job_name", ["account_sync", "maintain_sizes"])
def test_two_daemons_with_a_storage_each_carry_a_tick_out_once(
    tmp_path: Path, job_name: str
) -> None:
    ends = []
    tags = {**TAGS, SCHEDULE_TAG: f"{job_name}_schedule"}
    for name in ("one", "two"):
        home = tmp_path / name
        home.mkdir(0o700)
        with location(home, tmp_path) as defs, open_instance() as instance:
            job = defs.resolve_job_def(job_name)
            result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
            ends.append(result.success)
            run = instance.get_run_by_id(result.run_id)
            assert run is not None
            assert (SUPERFLUOUS_TAG in run.tags) is (name == "two")
            if job_name == "account_sync":
                close(defs, instance)
            with open_dependencies() as deps:
                sessions = deps.store.sessions.list(SessionFilter(limit=10))
    assert ends == [True, False]
    if job_name == "account_sync":
        assert [item.status for item in sessions] == [SessionStatus.COMPLETED]


def test_a_tick_that_another_daemon_carried_out_is_skipped(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir(0o700)
    with location(tmp_path / "one", tmp_path) as defs, open_instance() as instance:
        job = defs.resolve_job_def("account_sync")
        done = job.execute_in_process(instance=instance, tags=TAGS, raise_on_error=False)
    with location(tmp_path / "two", tmp_path) as defs, open_instance() as instance:
        found = asked_for(defs, instance)
    assert isinstance(found, SkipReason)
    assert done.run_id in (found.skip_message or "")


def test_only_the_run_that_a_schedule_asked_for_has_a_tick() -> None:
    """A re-execution has the tags of the run that it repeats; people write what they like."""
    parent = make_new_run_id()
    again = DagsterRun("account_sync", parent_run_id=parent, root_run_id=parent, tags=TAGS)
    assert tick_of(DagsterRun("account_sync", tags=TAGS)) == TICK
    assert tick_of(again) is None
    for text in ("", "x", "2026-03-01", "2026-03-01T12:30:00"):
        assert tick_of(DagsterRun("account_sync", tags={**TAGS, TICK_TAG: text})) is None
    assert tick_of(DagsterRun("account_sync", tags={TICK_TAG: TICK.isoformat()})) is None


def close(defs: Any, instance: DagsterInstance) -> None:
    """Let the sensor see the ends of runs."""
    sensor = next(item for item in defs.sensors if item.name == "session_reaper")
    resources = {"pipeline": PipelineResource()}
    with build_sensor_context(instance, resources=resources) as context:
        sensor(context)
