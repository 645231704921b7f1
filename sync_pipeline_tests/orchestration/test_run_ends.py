"""The one sensor that closes sessions: it sees every end of a run, once, whatever else fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    SkipReason,
    build_sensor_context,
)
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.session import Session, SessionStatus
from sync_pipeline.orchestration import sensors
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs import run_ends
from sync_pipeline.orchestration.runs.run_ends import FIRST_LOOK_BACK, SeenEnds
from sync_pipeline.orchestration.runs.runs import ASSET_JOB
from sync_pipeline.orchestration.sensors import Looked, build_session_reaper
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.running.system import Fleet, environment_of, in_environment

ENDS = {
    DagsterRunStatus.SUCCESS: SessionStatus.COMPLETED,
    DagsterRunStatus.FAILURE: SessionStatus.FAILED,
    DagsterRunStatus.CANCELED: SessionStatus.CANCELLED,
}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with in_environment(environment_of(tmp_path)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


@pytest.fixture
def instance(fleet: Fleet) -> Iterator[DagsterInstance]:
    with open_instance() as instance:
        yield instance


def ended(
    instance: DagsterInstance,
    status: DagsterRunStatus = DagsterRunStatus.FAILURE,
    job: str = "account_sync",
) -> str:
    """Let a run end that opened no session, as one that was cancelled in the queue."""
    run = DagsterRun(job_name=job, run_id=str(uuid4()), status=status)
    return instance.add_run(run).run_id


def look(instance: DagsterInstance, cursor: str | None = None) -> str:
    """Let the sensor look once; return its cursor."""
    with build_sensor_context(
        instance, cursor, resources={"pipeline": PipelineResource()}
    ) as context:
        found = build_session_reaper(Settings())(context)
        assert isinstance(found, SkipReason)
        assert context.cursor
        return context.cursor


def test_each_end_of_a_run_without_a_session_leaves_one(
    fleet: Fleet, instance: DagsterInstance
) -> None:
    jobs = ("account_sync", "aggregate_day", ASSET_JOB)
    run_ids = {ended(instance, status, job): status for status in ENDS for job in jobs}
    other = ended(instance, job="maintain_sizes")
    look(instance)
    for run_id, status in run_ids.items():
        session = fleet.store.sessions.get(run_id)
        assert session is not None
        assert (session.status, session.total) == (ENDS[status], 0)
    assert fleet.store.sessions.get(other) is None


def test_an_idle_look_closes_nothing_again_and_asks_dagster_two_questions(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ended(instance)
    cursor = look(instance)
    closed: list[str] = []
    asked: list[object] = []
    close = sensors.close_session_of
    ask = instance.run_storage.fetchall  # type: ignore[attr-defined]

    def noted_close(instance: DagsterInstance, run: DagsterRun, deps: SyncDeps) -> Session:
        closed.append(run.run_id)
        return close(instance, run, deps)

    def noted_ask(query: object) -> object:
        asked.append(query)
        return ask(query)

    monkeypatch.setattr(sensors, "close_session_of", noted_close)
    monkeypatch.setattr(instance.run_storage, "fetchall", noted_ask)
    cursor = look(instance, cursor)
    # What has ended, and what is at work.
    assert (closed, len(asked)) == ([], 2)
    second = ended(instance)
    look(instance, cursor)
    assert closed == [second]
    assert fleet.store.sessions.get(first) is not None


def test_many_ends_are_seen_over_several_looks_and_none_twice(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All within the time that is looked at again, which holds more than one look takes."""
    monkeypatch.setattr(run_ends, "MOST_AT_ONCE", 3)
    run_ids = [ended(instance) for _ in range(11)]
    now = datetime.now(UTC)
    seen, found, counts = SeenEnds.first(now), [], []
    for _ in range(6):
        seen, runs = seen.look(instance, now)
        seen = SeenEnds.of_plain(seen.to_plain())
        found += [run.run_id for run in runs]
        counts.append(len(runs))
    assert counts == [3, 3, 3, 2, 0, 0]
    assert found == run_ids


def test_what_ended_while_nobody_looked_is_found(instance: DagsterInstance) -> None:
    run_id = ended(instance)
    now = datetime.now(UTC)
    before = SeenEnds(now - timedelta(days=7))
    assert [run.run_id for run in before.look(instance, now)[1]] == [run_id]


def test_an_end_that_is_written_late_or_by_a_slow_clock_is_found(
    instance: DagsterInstance,
) -> None:
    later = datetime.now(UTC) + timedelta(minutes=9)
    seen, none = SeenEnds.first(later).look(instance, later)
    assert not none
    run_id = ended(instance)
    _, found = seen.look(instance, later)
    assert [run.run_id for run in found] == [run_id]


@pytest.mark.parametrize(
    "cursor",
    [None, "", "{", "[]", '{"ends": 1}', '{"looked_at": null, "signs": {}}',
     '{"ends": {"until": "x", "seen": {}}, "signs": "{}"}'],
)  # fmt: skip
def test_a_cursor_of_another_version_begins_anew(cursor: str | None) -> None:
    now = datetime.now(UTC)
    assert Looked.of_cursor(cursor, now).ends.until == now - FIRST_LOOK_BACK


def test_one_run_that_can_not_be_closed_keeps_no_other_open(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = ended(instance), ended(instance)
    close = sensors.close_session_of

    def fail(instance: DagsterInstance, run: DagsterRun, deps: SyncDeps) -> Session:
        if run.run_id == bad:
            raise RuntimeError("broken by a test")
        return close(instance, run, deps)

    monkeypatch.setattr(sensors, "close_session_of", fail)
    look(instance)
    assert fleet.store.sessions.get(good) is not None


def test_a_store_that_is_away_loses_no_end(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ended(instance)

    def away(*_: object) -> None:
        raise StoreUnavailable("away in a test")

    with monkeypatch.context() as patch:
        patch.setattr(sensors, "close_session_of", away)
        with pytest.raises(StoreUnavailable):
            look(instance)
    look(instance)
    assert fleet.store.sessions.get(run_id) is not None


def test_a_run_of_another_location_is_not_ours() -> None:
    """A job there may have the name of one of ours. The sensor's context is a stand-in."""
    for place, is_ours in (("here", True), ("there", False)):
        origin = GrpcServerCodeLocationOrigin("localhost", socket="none", location_name=place)
        job = RemoteJobOrigin(RemoteRepositoryOrigin(origin, "__repository__"), "account_sync")
        run = DagsterRun(job_name="account_sync", run_id=str(uuid4()), remote_job_origin=job)
        here = SimpleNamespace(code_location_origin=SimpleNamespace(location_name="here"))
        assert sensors._is_ours(here, run) is is_ours  # type: ignore[arg-type]


@pytest.mark.parametrize(("stale_after", "seconds"), [(300, 20), (60, 20), (10, 3), (5, 1)])
def test_a_silent_run_is_looked_at_three_times_before_it_is_given_up(
    stale_after: int, seconds: int
) -> None:
    settings = Settings(stale_after_seconds=stale_after)
    assert build_session_reaper(settings).minimum_interval_seconds == seconds
