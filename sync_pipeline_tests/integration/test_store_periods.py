"""Which periods of a fleet are aggregated, counted from what is there by hand, on both stores."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sync_pipeline.model.aggregation import AggregationRequest, FleetPeriod
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.size import Measure
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import StoreBench
from workbench.strategies.sizes import Day, History, noon, put_history

pytestmark = pytest.mark.long

FIRST, TODAY = date(2025, 11, 20), date(2026, 3, 4)
MONTH = PeriodType.MONTH
LONG_AGO, FAR = date(2000, 1, 1), date(2100, 1, 1)


def day(total: int) -> Day:
    size = Measure.known(total)
    return {"app": (size, size, size)}


def put(store: Store, instance_id: int, *days: date, total: int = 10) -> None:
    put_history(store, instance_id, History({item: day(total) for item in days}, TODAY))


def aggregate(store: Store, instance_id: int, periods: PeriodRange) -> None:
    store.aggregations.compute(
        [AggregationRequest((instance_id,), periods, TODAY, 5.0, noon(TODAY))]
    )


def every_tenth() -> list[date]:
    return [FIRST + timedelta(days=offset) for offset in range(0, (TODAY - FIRST).days, 10)]


@pytest.fixture
def bench(store: Store) -> StoreBench:
    """Of two instances the first has each month; the second was removed, and lacks January."""
    bench = StoreBench(store)
    here, gone, _ = bench.fleet("here", "gone", "without sizes")
    put(store, here.id, *every_tenth(), total=7)
    put(store, gone.id, date(2026, 1, 5), date(2026, 2, 5), total=30)
    aggregate(store, here.id, PeriodRange.between(MONTH, FIRST, TODAY))
    aggregate(store, gone.id, PeriodRange.between(MONTH, date(2026, 2, 1), TODAY))
    store.registry.delete_instance("gone", noon(TODAY))
    return bench


def month(year: int, number: int) -> Period:
    return Period.of(MONTH, date(year, number, 1))


def test_each_period_that_any_instance_has_is_held_once(bench: StoreBench) -> None:
    held = bench.store.periods.held
    months = [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert held(MONTH, LONG_AGO, FAR) == months
    assert held(MONTH, date(2025, 12, 1), date(2026, 2, 1)) == months[1:3]
    assert held(MONTH, date(2025, 12, 2), date(2026, 2, 2)) == months[2:4]
    assert held(MONTH, FAR, FAR) == []
    assert held(MONTH, LONG_AGO, FIRST - timedelta(days=60)) == []
    assert held(PeriodType.QUARTER, LONG_AGO, FAR) == []


def test_a_store_without_aggregations_holds_no_period(store: Store) -> None:
    StoreBench(store).fleet("here")
    assert store.periods.held(MONTH, LONG_AGO, FAR) == []


def test_a_period_tells_which_instances_are_left_out(bench: StoreBench) -> None:
    """Also one that was removed since: its sizes are there."""
    found = bench.store.periods.fleet([month(2025, 12), month(2026, 1), month(2026, 2)])
    assert found == [
        FleetPeriod(month(2025, 12), 1, 0, 7),
        FleetPeriod(month(2026, 1), 1, 1, 7),
        FleetPeriod(month(2026, 2), 2, 0, 37),
    ]
    assert [item.is_whole for item in found] == [True, False, True]


def test_a_period_without_sizes_leaves_nobody_out(bench: StoreBench) -> None:
    (found,) = bench.store.periods.fleet([month(2024, 1)])
    assert found == FleetPeriod(month(2024, 1), 0, 0, None)
    assert bench.store.periods.fleet([]) == []
