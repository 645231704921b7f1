"""The capacity jobs in one process, on a real Dagster instance, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult

from sync_pipeline.cli.sessions import show_outcome
from sync_pipeline.definitions import defs
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncCategory, SyncType
from sync_pipeline.orchestration.categories.aggregation import steps
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import close_session_of
from sync_pipeline_tests.orchestration.test_backfill import back, forget, history, rows_of
from workbench.benches.store_bench import StoreBench
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer, free_port
from workbench.strategies.sizes import put_history, today


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    settings: dict[str, object] = {"retry_base_seconds": 0.1, "retry_limit": 1}
    # A collection that is due is waited for: with its own line there would be one each night.
    settings |= {"aggregation_wait_seconds": 0, "capacity_sync_cron": "0 0 29 2 *"}
    with in_environment(environment_of(tmp_path, **settings)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


def run(
    instance: DagsterInstance, job: str, partition: str | None = None, **config: Any
) -> ExecuteInProcessResult:
    ops: dict[str, Any] = {"select_instances": {"config": config}}
    if partition is not None:  # of an asset, whose steps are in a graph
        ops = {job.replace("aggregate_", "fleet_aggregations_"): {"ops": ops}}
    return defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": ops},
        instance=instance,
        partition_key=partition,
        raise_on_error=False,
    )


def metadata_of(result: ExecuteInProcessResult, step: str) -> dict[str, Any]:
    return {
        name: value.value
        for event in result.all_events
        if event.is_successful_output and (event.step_key or "").startswith(step)
        for name, value in event.step_output_data.metadata.items()
    }


def test_a_collection_leaves_a_session_and_an_event_to_plot(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    fleet.add("only one", postgresql_server)
    with open_instance() as instance:
        result = run(instance, "capacity_sync")
        events = instance.fetch_materializations(AssetKey(["sizes", "only one"]), 10)
    assert result.success
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.category) == (SessionStatus.COMPLETED, SyncCategory.CAPACITY)
    assert session.job_name == "capacity_sync"
    (whole,) = fleet.store.size_queries.instance_sizes(today(), today())
    (event,) = (record.asset_materialization for record in events.records)
    assert event is not None
    assert event.partition == today().isoformat()
    assert event.metadata["total bytes"].value == whole.point.total_bytes
    assert event.metadata["databases"].value == whole.database_count
    shown = metadata_of(result, "collect_sizes")
    assert "| postgres |" in shown["largest databases"]
    final = metadata_of(result, "finish_session")
    assert "| only one | postgres |" in final["largest"]
    assert final["fastest growing"] == "None."


def test_one_instance_that_fails_stops_no_other(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    fleet.add("good", postgresql_server)
    fleet.add("gone", postgresql_server, port=free_port())
    with open_instance() as instance:
        result = run(instance, "capacity_sync")
        assert not result.success
        dagster_run = instance.get_run_by_id(result.run_id)
        assert dagster_run is not None
        with open_dependencies() as deps:
            close_session_of(instance, dagster_run, deps)
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.successful, session.failed) == (SessionStatus.FAILED, 1, 1)
    gone = fleet.record(result.run_id, "gone")
    assert gone is not None
    assert (gone.status, gone.error_kind) == (RecordStatus.FAILED, "connect")
    assert {
        i.point.instance for i in fleet.store.size_queries.instance_sizes(today(), today())
    } == {"good"}


def test_the_daily_aggregation_plots_each_period(fleet: Fleet) -> None:
    (instance_row,) = StoreBench(fleet.store, datetime.now(UTC)).fleet("here")
    put_history(fleet.store, instance_row.id, history(today() - timedelta(days=400), today()))
    with open_instance() as instance:
        result = run(instance, "aggregate_sizes")
        assert result.success
        for kind in PeriodType:
            key = AssetKey(["size_aggregations", str(kind), "here"])
            events = instance.fetch_materializations(key, 100).records
            found = {record.partition_key for record in events}
            stored = fleet.store.aggregations.find(
                kind, today() - timedelta(days=200), today() + timedelta(days=1), "here"
            )
            assert found == {item.period_start.isoformat() for item in stored}
            if kind is PeriodType.QUARTER:
                running = Period.of(kind, today()).start.isoformat()
                (event,) = (r for r in events if r.partition_key == running)
                assert event.asset_materialization is not None
                shown = event.asset_materialization.metadata
                assert shown["average bytes"].value == stored[-1].total.avg_bytes
                assert shown["days with data"].value == stored[-1].data_count
    session = fleet.ended_session(result.run_id, 1)
    assert session.category is SyncCategory.AGGREGATION
    assert metadata_of(result, "aggregate_instance")["rows of the instance"] >= 4


def test_it_waits_for_the_collection_and_says_when_it_gives_up(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waiting itself has its tests; here the op asks, and goes on."""
    asked: list[bool] = []
    waited = steps.aggregate_sizes.await_collection

    def recorded(deps: Any, is_running: Any, *rest: Any) -> Any:
        asked.append(is_running())
        return waited(deps, is_running, *rest)

    monkeypatch.setattr(steps.aggregate_sizes, "await_collection", recorded)
    StoreBench(fleet.store, datetime.now(UTC)).fleet("here")
    with open_instance() as instance:
        result = run(instance, "aggregate_sizes")
        messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert asked == [False]
    assert any("No sizes were collected today" in message for message in messages)
    record = fleet.record(result.run_id, "here")
    assert record is not None
    assert "no row was written" in record.details["warnings"][0]


def test_a_partition_is_one_period(fleet: Fleet) -> None:
    (here,) = StoreBench(fleet.store, datetime.now(UTC)).fleet("here")
    put_history(fleet.store, here.id, history(today() - timedelta(days=400), today()))
    month = Period.of(PeriodType.MONTH, today() - timedelta(days=100))
    with open_instance() as instance:
        result = run(instance, "aggregate_month", month.start.isoformat())
    assert result.success
    found = fleet.store.aggregations.find(PeriodType.MONTH, long_ago(), today(), "here")
    assert [item.period_start for item in found] == [month.start]
    session = fleet.ended_session(result.run_id, 1)
    assert session.partition_key == month.start.isoformat()
    assert session.sync_type is SyncType.MANUAL_TASK


def in_a_range(instance: DagsterInstance, periods: PeriodRange) -> ExecuteInProcessResult:
    first, last = periods.start.isoformat(), periods.last.start.isoformat()
    return run(instance, "backfill_sizes", period=str(periods.type), first=first, last=last)


@pytest.mark.parametrize(("kind", "count"), [(PeriodType.MONTH, 24), (PeriodType.QUARTER, 8)])
def test_many_partitions_give_what_one_range_gives(
    fleet: Fleet, kind: PeriodType, count: int
) -> None:
    """Of an instance that is there and of one that was removed."""
    periods = back(Period.of(kind, today()).previous, count)
    start = periods.needs_from
    here, gone = StoreBench(fleet.store, datetime.now(UTC)).fleet("here", "gone")
    put_history(fleet.store, here.id, history(start, today()))
    put_history(fleet.store, gone.id, history(start, start + timedelta(days=500)))
    fleet.store.registry.delete_instance("gone", datetime.now(UTC))
    with open_instance() as instance:
        assert in_a_range(instance, periods).success
        expected = rows_of(fleet.store, periods)
        forget(fleet.settings)
        for period in periods:
            assert run(instance, f"aggregate_{kind}", period.start.isoformat()).success
    assert rows_of(fleet.store, periods) == expected
    assert {item["period_start"] for item in expected} == {item.start for item in periods}
    assert {item["instance"] for item in expected} == {"here", "gone"}
    assert {item["database"] for item in expected} == {"", "app", "early", "late"}


def test_a_period_without_sizes_ends_completed_and_says_so(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    (here,) = StoreBench(fleet.store, datetime.now(UTC)).fleet("here")
    put_history(fleet.store, here.id, history(today() - timedelta(days=10), today()))
    earlier = back(Period.of(PeriodType.MONTH, today()), 4).start
    nobody = PeriodRange.between(PeriodType.MONTH, earlier, earlier)
    with open_instance() as instance:
        result = in_a_range(instance, nobody)
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.total) == (SessionStatus.COMPLETED, 0)
    assert str(nobody) in (session.error or "")
    capsys.readouterr()
    show_outcome(fleet.store, session)
    assert "0 rows were written" in capsys.readouterr().out


def long_ago() -> Any:
    return today() - timedelta(days=1000)


def test_a_wrong_range_fails_before_anything_is_touched(fleet: Fleet) -> None:
    StoreBench(fleet.store, datetime.now(UTC)).fleet("here")
    bad = (
        {"period": "year", "first": "2026-01-01", "last": "2026-02-01"},
        {"period": "day", "first": "soon", "last": "2026-02-01"},
        {"period": "day", "first": "2026-03-01", "last": "2026-02-01"},
    )
    with open_instance() as instance:
        for config in bad:
            result = run(instance, "backfill_sizes", **config)
            assert not result.success
            failed = [event for event in result.all_events if event.is_step_failure]
            assert [event.step_key for event in failed] == ["select_instances"]
            assert "is not a" in str(failed[0].step_failure_data.user_failure_data) or (
                "ends before" in str(failed[0].step_failure_data.user_failure_data)
            )


def test_retention_says_what_it_did(fleet: Fleet) -> None:
    with open_instance() as instance:
        result = defs.resolve_job_def("maintain_sizes").execute_in_process(instance=instance)
    assert result.success
    assert "nothing was old enough" in metadata_of(result, "maintain")["outcome"]
