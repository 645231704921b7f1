"""What is aggregated when: due periods, catching up, retention, and the record of it all."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import (
    NewSession,
    RecordStatus,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.retention import apply_retention
from sync_pipeline.workflows.syncing.aggregation import (
    LONGEST_CATCH_UP_DAYS,
    PeriodChoice,
    await_collection,
    due_ranges,
    instances_to_aggregate,
)
from sync_pipeline_tests.integration.test_store_aggregations import daily
from workbench.benches.size_bench import SizeBench
from workbench.benches.store_bench import new_id
from workbench.servers.running import RunningServer
from workbench.strategies.sizes import put_history

NOW = datetime(2026, 5, 20, 4, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture
def bench(
    store: Store, store_url: str, postgresql_server: RunningServer, tmp_path: Path
) -> SizeBench:
    settings = Settings(home=tmp_path, store_url=store_url)
    return SizeBench(store, settings, postgresql_server, NOW)


def filled(bench: SizeBench, first: date, last: date) -> None:
    put_history(bench.store, bench.instance.id, daily(first, (last - first).days + 1))


def starts(bench: SizeBench, kind: PeriodType) -> list[date]:
    return [item.period_start for item in bench.aggregations(kind)]


def test_the_daily_run_refreshes_the_running_period_and_closes_the_ended_one(
    bench: SizeBench,
) -> None:
    filled(bench, date(2025, 12, 1), TODAY)
    report = bench.aggregate()
    assert report.rows.instances == 8
    assert starts(bench, PeriodType.DAY) == [TODAY - timedelta(days=1), TODAY]
    assert starts(bench, PeriodType.WEEK) == [date(2026, 5, 11), date(2026, 5, 18)]
    assert starts(bench, PeriodType.MONTH) == [date(2026, 4, 1), date(2026, 5, 1)]
    quarters = bench.aggregations(PeriodType.QUARTER)
    assert [item.period_start for item in quarters] == [date(2026, 1, 1), date(2026, 4, 1)]
    ended, running = quarters
    assert (ended.data_count, ended.expected_count) == (90, 90)
    assert (running.data_count, running.expected_count) == (50, 50)
    assert running.period_end == date(2026, 7, 1)
    # Against the whole previous quarter.
    assert running.total.change_bytes is not None
    assert running.total.change_bytes == running.total.avg_bytes - ended.total.avg_bytes  # type: ignore[operator]


def test_a_run_that_was_missed_is_caught_up(bench: SizeBench) -> None:
    filled(bench, date(2026, 3, 1), TODAY)
    bench.aggregate()
    filled(bench, TODAY, TODAY + timedelta(days=12))
    bench.pass_days(12)
    bench.aggregate()
    assert starts(bench, PeriodType.DAY) == [TODAY + timedelta(days=n) for n in range(-1, 13)]
    for item in bench.aggregations(PeriodType.WEEK)[:-1]:
        assert item.data_count == item.expected_count == 7


def test_catching_up_has_an_end(bench: SizeBench) -> None:
    filled(bench, TODAY, TODAY)
    bench.aggregate()
    bench.pass_days(900)
    days = next(item for item in due_ranges(bench.deps, bench.instance.id))
    assert days.start == bench.now.date() - timedelta(days=LONGEST_CATCH_UP_DAYS)


def test_missing_days_are_shown_as_missing(bench: SizeBench) -> None:
    filled(bench, date(2026, 5, 1), date(2026, 5, 7))
    filled(bench, date(2026, 5, 12), TODAY)
    bench.aggregate()
    month = bench.aggregations(PeriodType.MONTH)[-1]
    assert (month.data_count, month.expected_count) == (16, 20)


def test_an_instance_without_sizes_has_a_record_that_says_so(bench: SizeBench) -> None:
    assert [item.name for item in _chosen(bench, None)] == ["measured"]
    report = bench.aggregate()
    record = bench.record()
    assert record.status is RecordStatus.COMPLETED
    assert record.counters.items_synced == 0
    assert "No size was collected in day 2026-05-19 to 2026-05-20" in record.details["warnings"][0]
    assert "no row was written" in report.message


def test_removed_instances_are_aggregated_for_the_days_they_existed(bench: SizeBench) -> None:
    filled(bench, date(2025, 1, 1), date(2025, 1, 20))
    bench.store.registry.delete_instance("measured", bench.now)
    january = PeriodRange.between(PeriodType.MONTH, date(2025, 1, 1), date(2025, 1, 1))
    assert [item.name for item in _chosen(bench, january)] == ["measured"]
    december = PeriodRange(january.first.previous, january.first.previous)
    assert _chosen(bench, december) == []
    # The daily run is done with it: it is neither active nor in the last two quarters.
    assert _chosen(bench, None) == []
    with pytest.raises(ConfigurationError, match="nobody"):
        instances_to_aggregate(bench.deps, Selection(names=("nobody",)), PeriodChoice(january))


def _chosen(bench: SizeBench, periods: PeriodRange | None) -> list[object]:
    return list(instances_to_aggregate(bench.deps, Selection(), PeriodChoice(periods)))


def test_two_runs_of_one_period_take_turns(bench: SizeBench) -> None:
    filled(bench, date(2026, 1, 1), TODAY)
    quarter = PeriodRange.between(PeriodType.QUARTER, TODAY, TODAY)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                bench.aggregate(quarter)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(bench.aggregations(PeriodType.QUARTER)) == 1
    assert len(bench.aggregations(PeriodType.QUARTER, None)) == 1


def test_pruning_keeps_aggregations_and_refuses_what_it_made_impossible(bench: SizeBench) -> None:
    first = TODAY - timedelta(days=1300)
    put_history(bench.store, bench.instance.id, daily(first, 40))
    filled(bench, date(2026, 3, 1), TODAY)
    old = PeriodRange.between(PeriodType.MONTH, first, first + timedelta(days=39))
    bench.aggregate(old)
    before = bench.aggregations(PeriodType.MONTH)
    done = apply_retention(bench.deps)
    oldest = Period.of(PeriodType.MONTH, TODAY - timedelta(days=1100)).start
    assert done.pruned_before == oldest
    assert bench.store.aggregations.horizon() == oldest
    left = bench.store.size_queries.instance_sizes(date.min, date.max)
    assert min(item.point.collected_date for item in left) == date(2026, 3, 1)
    with pytest.raises(ConfigurationError, match="were pruned"):
        bench.aggregate(old)
    record = bench.record()
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "configuration")
    assert bench.aggregations(PeriodType.MONTH) == before
    # What is still there can be computed, and pruning again finds nothing.
    bench.aggregate(PeriodRange.between(PeriodType.MONTH, TODAY, TODAY))
    assert apply_retention(bench.deps).pruned_before is None


def test_nothing_is_pruned_while_a_backfill_runs(bench: SizeBench) -> None:
    put_history(bench.store, bench.instance.id, daily(TODAY - timedelta(days=1300), 40))
    work = bench.open(SyncCategory.AGGREGATION)
    done = apply_retention(bench.deps)
    assert done.pruned_before is None
    assert work.session_id in done.message
    assert len(bench.store.size_queries.instance_sizes(date.min, date.max)) == 40
    bench.store.sessions.close_run(
        work.session_id, work.session_id, SessionStatus.FAILED, "gone", bench.now
    )
    assert apply_retention(bench.deps).pruned_before is not None


# SQLite has one writer: its transactions take turns anyway.
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_prune_waits_for_an_aggregation_that_reads(bench: SizeBench, store_url: str) -> None:
    """The horizon is held by whoever reads behind it, so that no sum is of half the rows."""
    put_history(bench.store, bench.instance.id, daily(TODAY - timedelta(days=1300), 40))
    engine = create_engine(store_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM size_horizon FOR SHARE")
        thread = threading.Thread(target=apply_retention, args=(bench.deps,))
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        assert len(bench.store.size_queries.instance_sizes(date.min, date.max)) == 40
    thread.join(30)
    assert not thread.is_alive()
    assert bench.store.size_queries.instance_sizes(date.min, date.max) == []
    engine.dispose()


def test_partitions_are_made_ahead_and_when_one_is_needed(bench: SizeBench, store_url: str) -> None:
    def partitions() -> set[str]:
        engine = create_engine(store_url)
        names = set(inspect(engine).get_table_names())
        engine.dispose()
        return {name for name in names if name.startswith("database_size_stats_")}

    made = apply_retention(bench.deps).made
    if store_url.startswith("sqlite"):
        assert made == ()
        return
    assert partitions() == {f"database_size_stats_2026_{month:02}" for month in range(5, 9)}
    assert apply_retention(bench.deps).made == ()
    filled(bench, date(2024, 2, 28), date(2024, 3, 1))
    assert {"database_size_stats_2024_02", "database_size_stats_2024_03"} < partitions()


def test_the_daily_run_waits_for_the_collection(bench: SizeBench) -> None:
    """It ends when the session has ended and no run of the collection is left."""
    work = bench.open(SyncCategory.CAPACITY)
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            bench.store.sessions.close_run(
                work.session_id, work.session_id, SessionStatus.FAILED, "over", bench.now
            )

    session, waited = await_collection(bench.deps, lambda: len(looks) < 4, wait, 5)
    assert session is not None
    assert session.session_id == work.session_id
    assert (looks, waited) == ([5] * 4, 20)


def test_the_wait_has_an_end(bench: SizeBench) -> None:
    bench.open(SyncCategory.CAPACITY)
    session, waited = await_collection(bench.deps, lambda: True, lambda _: None, 60)
    assert session is not None
    assert not session.status.is_terminal
    assert waited == bench.settings.aggregation_wait_seconds


def test_a_collection_of_yesterday_is_not_todays(bench: SizeBench) -> None:
    new = NewSession(new_id(), SyncType.SCHEDULED_TASK, SyncCategory.CAPACITY, "j", new_id())
    bench.store.sessions.open(new, [], NOW - timedelta(hours=5))
    session, waited = await_collection(bench.deps, lambda: False, lambda _: None, 60)
    assert (session, waited) == (None, 0)
