"""What a run leaves alone, and when it ends: jobs in one process, on real servers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    ExecuteInProcessResult,
    JobDefinition,
    ReexecutionOptions,
    RunConfig,
    execute_job,
    in_process_executor,
    reconstructable,
)
from sqlalchemy import update

from sync_pipeline.definitions import defs
from sync_pipeline.model.instance import Instance, host_of
from sync_pipeline.model.maintenance import NewWindow
from sync_pipeline.model.session import InstanceRecord, RecordStatus, SessionStatus
from sync_pipeline.orchestration import resources
from sync_pipeline.orchestration.config import SyncConfig
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.tasks import instance_id_of
from sync_pipeline.store.schema import failure_streaks
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer, free_port

SKIPPED, FAILED, DONE = RecordStatus.SKIPPED, RecordStatus.FAILED, RecordStatus.COMPLETED


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    settings = {"retry_base_seconds": 0.05, "retry_limit": 1, "breaker_failures": 2}
    with in_environment(environment_of(tmp_path, **settings)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


def run(job: str = "account_sync", **config: Any) -> ExecuteInProcessResult:
    with open_instance() as instance:
        return defs.resolve_job_def(job).execute_in_process(
            run_config=RunConfig(ops={"select_instances": SyncConfig(**config)}),
            instance=instance,
            raise_on_error=False,
        )


def record_of(fleet: Fleet, result: ExecuteInProcessResult, name: str) -> InstanceRecord:
    fleet.ended_session(result.run_id, 1)
    found = fleet.record(result.run_id, name)
    assert found is not None
    return found


def move(fleet: Fleet, instance: Instance, **changes: Any) -> None:
    fleet.store.registry.put_instances([replace(instance, **changes)], datetime.now(UTC))


def make_due(fleet: Fleet, seconds: float) -> None:
    """Let the last failure of every streak be so long ago."""
    last = datetime.now(UTC) - timedelta(seconds=seconds)
    with fleet.store._database.write() as connection:
        connection.execute(update(failure_streaks).values(last_failed_at=last))


def failures(fleet: Fleet) -> list[int]:
    return [item.failures for item in fleet.store.streaks.all()]


def test_a_dead_host_is_tried_less_often_until_it_is_back(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    port = free_port()
    dead = fleet.add("dead", postgresql_server, port=port)
    fleet.add("good", postgresql_server)
    for count in (1, 2):  # of two attempts each
        assert record_of(fleet, run(), "dead").status is FAILED
        assert failures(fleet) == [count]
    opened = run()
    assert opened.success
    assert fleet.ended_session(opened.run_id).status is SessionStatus.COMPLETED
    skipped = record_of(fleet, opened, "dead")
    assert (skipped.status, skipped.error_kind) == (SKIPPED, "breaker")
    reason = skipped.error_message or ""
    assert "dead: skipped, it was not reached 2 times in a row" in reason
    assert "the next try is due at" in reason
    assert "sync-pipeline run account-sync --instance dead" in reason
    assert f"127.0.0.1:{port}" in reason or "refused" in reason
    assert record_of(fleet, opened, "good").status is DONE
    assert failures(fleet) == [2]
    # The other sync has a streak of its own, and a person's choice is tried.
    assert record_of(fleet, run("capacity_sync"), "dead").status is FAILED
    assert record_of(fleet, run(instances=["dead"]), "dead").status is FAILED
    assert record_of(fleet, run(force=True), "dead").status is FAILED
    # Four failures: it waits for 1800 * 2 * 2 seconds.
    make_due(fleet, 7000)
    assert record_of(fleet, run(), "dead").status is SKIPPED
    make_due(fleet, 7300)
    assert record_of(fleet, run(), "dead").status is FAILED
    make_due(fleet, 14_500)
    move(fleet, dead, port=postgresql_server.port)
    assert record_of(fleet, run(), "dead").status is DONE
    assert record_of(fleet, run(), "dead").status is DONE
    assert failures(fleet) == [1]  # of the capacity sync


def test_what_was_not_reached_last_time_comes_first(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    for number in range(3):
        fleet.add(f"good{number}", postgresql_server)
    dead = {fleet.add(f"late{number}", postgresql_server, port=free_port()) for number in range(2)}
    run()
    for _ in range(3):  # the order is otherwise by chance, anew in each run
        first = [instance_id_of(key) for key in started(run(force=True))][:2]
        assert set(first) == {instance.id for instance in dead}


def test_instances_in_maintenance_are_left_alone_until_it_ends(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    one = fleet.add("one", postgresql_server, port=free_port())
    tagged = fleet.add("tagged", postgresql_server, port=free_port())
    move(fleet, tagged, tags=("dc=east",))
    fleet.add("good", postgresql_server)
    now = datetime.now(UTC)
    until = now + timedelta(hours=1)
    windows = [
        NewWindow(now, until, "new disk", instance_id=one.id),
        NewWindow(now, until, "power", tag="dc=east"),
    ]
    numbers = [fleet.store.maintenance.start(window) for window in windows]
    for job in ("account_sync", "capacity_sync"):
        result = run(job)
        assert result.success
        assert record_of(fleet, result, "good").status is DONE
        for name, reason in (("one", "new disk"), ("tagged", "tagged dc=east: power")):
            record = record_of(fleet, result, name)
            assert (record.status, record.error_kind) == (SKIPPED, "maintenance")
            assert reason in (record.error_message or "")
            assert f"until {until:%Y-%m-%d %H:%M:%S} UTC" in (record.error_message or "")
    named = run(instances=["one"], force=True)
    assert record_of(fleet, named, "one").status is SKIPPED
    assert failures(fleet) == []
    for number in numbers:
        fleet.store.maintenance.end(number, datetime.now(UTC))
    move(fleet, one, port=postgresql_server.port)
    assert record_of(fleet, run(), "one").status is DONE


def test_a_run_out_of_time_ends_fast_with_a_record_for_each(
    fleet: Fleet, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_RUN_DEADLINE_SECONDS", "2")
    monkeypatch.setenv("SYNC_PIPELINE_START_JITTER_SECONDS", "3600")
    for number in range(3):
        fleet.add(f"i{number}", postgresql_server)
    began = time.monotonic()
    result = run()
    assert time.monotonic() - began < 30
    assert not result.success
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.failed) == (SessionStatus.FAILED, 3)
    for record in fleet.store.sessions.records(result.run_id):
        assert (record.error_kind, record.attempt) == ("deadline", 1)
        assert "The run's deadline passed" in (record.error_message or "")
    assert failures(fleet) == []


def account_sync() -> JobDefinition:
    job = defs.resolve_job_def("account_sync")
    return job.with_executor_def(in_process_executor)


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def test_a_re_execution_has_a_deadline_of_its_own(
    fleet: Fleet, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tasks that it takes from the first run carry a deadline that is over."""
    only = fleet.add("only", postgresql_server, port=free_port())
    monkeypatch.setenv("SYNC_PIPELINE_RUN_DEADLINE_SECONDS", "600")
    job = reconstructable(account_sync)
    with open_instance() as instance:
        with monkeypatch.context() as patch:
            patch.setattr(resources, "utc_now", an_hour_ago)
            with execute_job(job, instance, raise_on_error=False) as first:
                assert not first.success
        move(fleet, only, port=postgresql_server.port)
        options = ReexecutionOptions.from_failure(first.run_id, instance)
        with execute_job(job, instance, reexecution_options=options) as again:
            assert again.success
    record = fleet.record(first.run_id, "only")
    assert record is not None
    assert (record.status, record.attempt) == (DONE, 3)
    assert failures(fleet) == []


def started(result: ExecuteInProcessResult) -> Sequence[str]:
    return [
        event.step_key or ""
        for event in result.all_events
        if event.is_step_start and (event.step_key or "").startswith("sync_instance")
    ]


def test_the_steps_of_one_host_do_not_follow_one_another(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    fleet.add("base", postgresql_server, port=free_port())
    base = fleet.store.registry.instance("base")
    assert base is not None
    for number in range(6):
        host = f"127.0.0.{1 + number // 3}"  # by name they would follow one another
        move(fleet, base, id=0, name=f"i{number}", host=host, port=free_port())
    move(fleet, base, is_active=False)
    now = datetime.now(UTC)
    for item in fleet.store.registry.instances():
        window = NewWindow(now, now + timedelta(hours=1), "no connection", instance_id=item.id)
        fleet.store.maintenance.start(window)
    order = started(run())
    hosts = {item.id: host_of(item) for item in fleet.store.registry.instances()}
    taken = [hosts[int(key.rpartition("i")[2].rstrip("]"))] for key in order]
    assert len(taken) == 6
    assert all(first != second for first, second in pairwise(taken))
