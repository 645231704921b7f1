"""Aggregations in the store equal those of an independent oracle, on both stores."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.model.aggregation import Aggregation, AggregationRequest
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.size import Measure
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import StoreBench
from workbench.strategies import aggregation_oracle as oracle
from workbench.strategies.sizes import History, histories, noon, put_history

pytestmark = pytest.mark.long

TREND_PERCENT = 5.0
_FLEET = iter(range(1_000_000))
FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


def request(
    instance_id: int, history: History, kind: PeriodType, first: date, last: date
) -> AggregationRequest:
    periods = PeriodRange.between(kind, first, last)
    now = noon(history.today)
    return AggregationRequest((instance_id,), periods, history.today, TREND_PERCENT, now)


def span(history: History) -> tuple[date, date]:
    return min(history.days, default=history.today), history.today


def rows_of(store: Store, instance: str, kind: PeriodType) -> list[oracle.Row]:
    first, end = date(2000, 1, 1), date(2100, 1, 1)
    found = store.aggregations.find(kind, first, end, instance)
    found += store.aggregations.find(kind, first, end, instance, None)
    return sorted(map(_row, found), key=lambda row: (row.start, row.database))


def _row(item: Aggregation) -> oracle.Row:
    return oracle.Row(
        item.database,
        item.period_start,
        item.period_end,
        item.data_count,
        item.expected_count,
        str(item.trend) if item.trend else None,
        tuple(
            (
                value.avg_bytes,
                value.min_bytes,
                value.max_bytes,
                value.first_bytes,
                value.last_bytes,
                value.change_bytes,
                value.change_percent,
                value.growth_rate,
            )
            for value in (item.total, item.data, item.log)
        ),
        item.database_count,
        item.database_count_change,
    )


def expected(history: History, kind: PeriodType, first: date, last: date) -> list[oracle.Row]:
    rows = oracle.aggregate(history, str(kind), first, last, TREND_PERCENT)
    return sorted(rows, key=lambda row: (row.start, row.database))


@FEW
@given(history=histories())
def test_a_range_equals_the_oracle(bench: StoreBench, history: History) -> None:
    """Of each kind of period; a history is put into the store once for all."""
    (instance,) = bench.fleet(f"i{next(_FLEET)}")
    put_history(bench.store, instance.id, history)
    first, last = span(history)
    for kind in PeriodType:
        rows = bench.store.aggregations.compute([request(instance.id, history, kind, first, last)])
        found = rows_of(bench.store, instance.name, kind)
        assert found == expected(history, kind, first, last)
        assert rows.written == len(found)


@FEW
@given(history=histories(), order=st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same(
    bench: StoreBench, history: History, order: Random
) -> None:
    """What a range gives, its periods give one by one, in any order and again."""
    (instance,) = bench.fleet(f"i{next(_FLEET)}")
    put_history(bench.store, instance.id, history)
    first, last = span(history)
    for kind in (PeriodType.WEEK, PeriodType.QUARTER):
        periods = list(PeriodRange.between(kind, first, last))
        periods += periods[::2]
        order.shuffle(periods)
        for period in periods:
            single = request(instance.id, history, kind, period.start, period.start)
            bench.store.aggregations.compute([single])
        assert rows_of(bench.store, instance.name, kind) == expected(history, kind, first, last)


def daily(first: date, days: int, total: int = 10**9) -> History:
    found = {
        first + timedelta(days=offset): {
            "app": (Measure.known(total + offset), Measure.known(total), Measure.known(1))
        }
        for offset in range(days)
    }
    return History(found, first + timedelta(days=days - 1))


def test_the_whole_previous_quarter_is_compared(bench: StoreBench) -> None:
    (instance,) = bench.fleet("one")
    history = daily(date(2026, 1, 1), 181)
    put_history(bench.store, instance.id, history)
    quarter = date(2026, 4, 1)
    bench.store.aggregations.compute(
        [request(instance.id, history, PeriodType.QUARTER, quarter, quarter)]
    )
    (row,) = rows_of(bench.store, "one", PeriodType.QUARTER)[1:]
    averages = (sum(range(90)) / 90, sum(range(90, 181)) / 91)
    assert row.numbers[0][5] == round(10**9 + averages[1]) - round(10**9 + averages[0] + 0.01)


def test_the_oldest_size_is_that_of_any_instance_removed_or_not(bench: StoreBench) -> None:
    assert bench.store.aggregations.oldest_size() is None
    first, second = bench.fleet("first", "second")
    put_history(bench.store, first.id, daily(date(2026, 3, 5), 3))
    assert bench.store.aggregations.oldest_size() == date(2026, 3, 5)
    put_history(bench.store, second.id, daily(date(2024, 2, 29), 1))
    bench.store.registry.delete_instance("second", noon(date(2026, 3, 9)))
    assert bench.store.aggregations.oldest_size() == date(2024, 2, 29)


def test_rows_without_sizes_behind_them_go(bench: StoreBench) -> None:
    """A database that a second collection of the day no longer has leaves no aggregation."""
    (instance,) = bench.fleet("one")
    day = date(2026, 5, 5)
    measures = (Measure.known(1), Measure.known(1), Measure.known(1))
    for databases in ({"app": measures, "gone": measures}, {"app": measures}):
        history = History({day: databases}, day)
        put_history(bench.store, instance.id, history)
        rows = bench.store.aggregations.compute(
            [request(instance.id, history, PeriodType.DAY, day, day)]
        )
    assert [row.database for row in rows_of(bench.store, "one", PeriodType.DAY)] == ["", "app"]
    assert (rows.databases, rows.instances, rows.replaced) == (1, 1, 3)


def test_a_period_without_sizes_writes_nothing(bench: StoreBench) -> None:
    (instance,) = bench.fleet("one")
    history = History({}, date(2026, 1, 1))
    requests = [
        request(instance.id, history, kind, history.today, history.today) for kind in PeriodType
    ]
    assert bench.store.aggregations.compute(requests).written == 0
