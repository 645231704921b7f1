"""Trends, forecasts, anomalies and gaps, on points that tell them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations, pairwise

import numpy as np
import pytest
import scipy
from hypothesis import assume, given
from hypothesis import strategies as st

from sync_pipeline.aggregate.anomalies import anomaly
from sync_pipeline.aggregate.fleet import CARRIED_DAYS, FleetTotals, gaps
from sync_pipeline.aggregate.slope import all_slopes, interval, variance
from sync_pipeline.aggregate.trend import FEWEST_POINTS, growth
from sync_pipeline.model.growth import GrowthTrend, LimitKind
from sync_pipeline.model.size import SizePoint

START = date(2026, 1, 1)
GB = 10**9


def points(sizes: dict[int, int | None], instance: str = "i") -> list[SizePoint]:
    """Return points by day since the start."""
    return [
        SizePoint(instance, "d", START + timedelta(days=day), size)
        for day, size in sorted(sizes.items())
    ]


def line(days: int, start: int, slope: int) -> dict[int, int | None]:
    return {day: start + slope * day for day in range(days)}


@given(st.integers(8, 120), st.integers(0, 10**15), st.integers(1, 10**12))
def test_a_straight_line_is_found_exactly(days: int, start: int, slope: int) -> None:
    found = growth(points(line(days, start, slope)), limit_bytes=start + slope * (days + 99))
    assert found is not None
    assert found.bytes_per_day == pytest.approx(slope)
    assert found.low_bytes_per_day == pytest.approx(slope)
    assert found.high_bytes_per_day == pytest.approx(slope)
    assert found.days_until_limit == pytest.approx(100)
    last = start + slope * (days - 1)
    for forecast, ahead in zip(found.forecasts, (30, 90), strict=True):
        assert forecast.expected_bytes == pytest.approx(last + slope * ahead, rel=1e-9)
        assert forecast.low_bytes <= forecast.expected_bytes <= forecast.high_bytes


@given(st.dictionaries(st.integers(0, 90), st.integers(0, 10**12), min_size=8, max_size=60))
def test_the_slope_is_the_median_of_all_slopes(sizes: dict[int, int]) -> None:
    """Sen 1968: computed here pair by pair, where neither level nor season explains them."""
    assume(max(sizes) - min(sizes) >= FEWEST_POINTS)
    found = growth(points(dict(sizes)))
    assert found is not None
    assume(found.level_since is None and found.season_days is None)
    assume(found.trend is not GrowthTrend.NONE or found.bytes_per_day != 0)
    ordered = sorted(sizes.items())
    slopes = [
        (two[1] - one[1]) / (two[0] - one[0])
        for index, one in enumerate(ordered)
        for two in ordered[index + 1 :]
    ]
    assert found.bytes_per_day == pytest.approx(scipy.stats.scoreatpercentile(slopes, 50), abs=1e-3)
    assert found.low_bytes_per_day is not None
    assert found.high_bytes_per_day is not None
    assert found.bytes_per_day is not None
    assert found.low_bytes_per_day <= found.bytes_per_day <= found.high_bytes_per_day


def test_a_quarter_of_odd_days_does_not_turn_the_trend() -> None:
    chance = random.Random(7)
    sizes = line(90, 500 * GB, GB)
    for day in chance.sample(range(90), 20):
        sizes[day] = chance.randrange(0, 5000 * GB)
    found = growth(points(sizes))
    assert found is not None
    assert found.bytes_per_day == pytest.approx(GB, rel=0.1)
    ordinary = scipy.stats.linregress(list(sizes), list(sizes.values()))
    assert abs(ordinary.slope - GB) > abs(found.bytes_per_day - GB)


def test_the_interval_holds_what_comes_nine_times_in_ten() -> None:
    """Of noisy lines, whose future is known here."""
    inside = 0
    for seed in range(60):
        chance = random.Random(seed)
        noise = [chance.gauss(0, 2 * GB) for _ in range(181)]
        sizes = {day: round(300 * GB + GB * day + noise[day]) for day in range(91)}
        found = growth(points(dict(sizes)))
        assert found is not None
        (_, later) = found.forecasts
        true = 300 * GB + GB * 180 + noise[180]
        inside += later.low_bytes <= true <= later.high_bytes
    assert inside >= 54


@pytest.mark.parametrize("slope", [0, -GB])
def test_what_does_not_grow_never_reaches_its_limit(slope: int) -> None:
    found = growth(points(line(40, 100 * GB, slope)), limit_bytes=200 * GB)
    assert found is not None
    assert found.days_until_limit is None
    assert found.earliest_days_until_limit is None
    assert all(item.low_bytes >= 0 for item in found.forecasts)


@given(st.none() | st.integers(0, 10**15), st.none() | st.integers(0, 10**15))
def test_the_nearest_limit_counts(configured: int | None, ceiling: int | None) -> None:
    sizes = [
        replace(point, maximum_bytes=ceiling if day == 39 else 1)
        for day, point in enumerate(points(line(40, 100 * GB, GB)))
    ]
    found = growth(sizes, configured)
    assert found is not None
    assert found.limit_bytes == min(
        (x for x in (configured, ceiling) if x is not None), default=None
    )
    if found.limit_bytes is None:
        assert found.limit_kind is None
    else:
        limits = {LimitKind.CONFIGURED: configured, LimitKind.CEILING: ceiling}
        assert limits[LimitKind(str(found.limit_kind))] == found.limit_bytes
        assert found.days_until_limit == max(0, (found.limit_bytes - 139 * GB) / GB)


def test_a_limit_that_is_passed_is_zero_days_away() -> None:
    found = growth(points(line(40, 100 * GB, GB)), limit_bytes=GB)
    assert found is not None
    assert found.days_until_limit == 0


@pytest.mark.parametrize(
    "sizes",
    [
        {0: 1},
        dict.fromkeys(range(6), 5),
        {day: None if day % 9 else 1 for day in range(40)},
        {day: day for day in range(7)},
    ],
    ids=["one", "six", "mostly unknown", "six days apart"],
)
def test_too_few_points_claim_nothing(sizes: dict[int, int | None]) -> None:
    found = growth(points(sizes), limit_bytes=100)
    assert found is not None
    assert found.bytes_per_day is None
    assert found.forecasts == ()
    assert found.days_until_limit is None


def test_unknown_days_count_for_nothing() -> None:
    known = line(40, 100 * GB, GB)
    holes = {**known, **dict.fromkeys((3, 11, 20), None)}
    found = growth(points(holes))
    assert found is not None
    assert found.points == 37
    assert found.bytes_per_day == pytest.approx(GB)
    assert growth(points({1: None})) is None
    assert growth([]) is None


def test_growth_is_that_of_one_subject_in_order() -> None:
    one, two = points({0: 1, 1: 2})
    with pytest.raises(ValueError, match="order"):
        growth([two, one])
    with pytest.raises(ValueError, match="one subject"):
        growth([one, *points({3: 1}, "other")])


@pytest.mark.parametrize(
    ("sizes", "baseline"),
    [
        ({0: 100 * GB, 1: 131 * GB}, 100 * GB),
        ({0: 100 * GB, 3: 130 * GB}, 100 * GB),  # exactly 30 %, three days apart
        ({0: 0, 1: 20 * GB}, 0),  # from nothing, any percentage is reached
        ({0: 10 * GB, 1: 100 * GB, 2: None, 3: 130 * GB}, 100 * GB),  # the latest baseline
        ({0: 100 * GB, 1: 129 * GB}, None),  # not the percentage
        ({0: 10 * GB, 1: 29 * GB}, None),  # not the bytes
        ({0: 100 * GB, 4: 200 * GB}, None),  # no baseline within three days
        ({0: 100 * GB}, None),
        ({0: None, 1: 200 * GB}, None),
        ({0: 200 * GB, 1: 100 * GB}, None),
        ({}, None),
    ],
)
def test_anomalies(sizes: dict[int, int | None], baseline: int | None) -> None:
    found = anomaly(points(sizes), 30, 20 * GB)
    assert (found.baseline_bytes if found else None) == baseline
    if found:
        assert str(found.grown_bytes) in str(found)
        assert "Database d" in str(found)


@given(st.dictionaries(st.integers(0, 60), st.integers(0, 10**15), min_size=1))
def test_gaps_are_the_days_without_a_size(sizes: dict[int, int]) -> None:
    until = START + timedelta(days=60)
    missing = {
        gap.first + timedelta(days=offset)
        for gap in gaps(points(dict(sizes)), until)
        for offset in range(gap.days)
    }
    first = min(sizes)
    expected = {START + timedelta(days=day) for day in range(first, 61) if day not in sizes}
    assert missing == expected


def test_a_day_without_an_instance_is_not_a_smaller_fleet() -> None:
    a = points(line(30, 100, 0), "a")
    b = points({day: 50 for day in range(30) if day not in (10, 11) and day < 15}, "b")
    totals = FleetTotals(START, START + timedelta(days=29))
    totals.add(a)
    totals.add(b)
    days = {item.day: item for item in totals.days()}
    at = [days[START + timedelta(days=offset)] for offset in range(30)]
    assert [item.total_bytes for item in at[:15]] == [150] * 15
    assert (at[10].carried, at[12].carried) == (1, 0)
    # What is not measured for longer is gone from the sum.
    assert at[14 + CARRIED_DAYS].total_bytes == 150
    assert at[15 + CARRIED_DAYS].total_bytes == 100
    assert at[15 + CARRIED_DAYS].instances == 1


@given(
    st.lists(
        st.dictionaries(st.integers(-9, 49), st.none() | st.integers(0, 2**63 - 1), max_size=40),
        max_size=5,
    )
)
def test_the_fleet_is_what_each_day_was_last_known_of_each_instance(
    fleet: list[dict[int, int | None]],
) -> None:
    totals = FleetTotals(START, START + timedelta(days=39))
    for sizes in fleet:
        totals.add(points(sizes))
    expected = {}
    for day in range(40):
        seen = [
            max(seen)
            for sizes in fleet
            if (seen := [at for at in range(max(0, day - CARRIED_DAYS), day + 1)
                         if sizes.get(at) is not None])
        ]  # fmt: skip
        sums = [
            next(sizes[at] for at in range(day, -1, -1) if sizes.get(at) is not None)
            for sizes in fleet
            if any(sizes.get(at) is not None for at in range(max(0, day - CARRIED_DAYS), day + 1))
        ]
        if seen:
            expected[START + timedelta(days=day)] = (
                sum(size or 0 for size in sums), len(seen), sum(at < day for at in seen),
            )  # fmt: skip
    found = {item.day: (item.total_bytes, item.instances, item.carried) for item in totals.days()}
    assert found == expected


@given(
    st.dictionaries(st.integers(0, 90), st.integers(-9, 9) | st.integers(0, 10**15), min_size=8),
    st.floats(1, 12),
)
def test_the_slope_and_its_interval_are_those_of_scipy(
    sizes: dict[int, int], deviations: float
) -> None:
    """Bit by bit, with sizes that are equal too, and however wide the interval is."""
    days = np.array(sorted(sizes), dtype=np.float64)
    values = np.array([float(sizes[day]) for day in sorted(sizes)])
    found = scipy.stats.theilslopes(values, days, alpha=math.erfc(deviations / math.sqrt(2)))
    parts = [slice(0, len(days))]
    slopes = all_slopes(days, values, parts)
    half = deviations * math.sqrt(variance(values, parts))
    assert float(np.median(slopes)) == found.slope
    assert interval(slopes, half) == (found.low_slope, found.high_slope)


@given(st.lists(st.lists(st.integers(0, 10**12), min_size=2, max_size=12), min_size=2, max_size=4))
def test_beside_changes_of_level_only_pairs_on_one_level_count(levels: list[list[int]]) -> None:
    values = np.array([float(size) for level in levels for size in level])
    days = np.arange(len(values), dtype=np.float64)
    borders = [0, *np.cumsum([len(level) for level in levels]).tolist()]
    parts = [slice(*border) for border in pairwise(borders)]
    expected = sorted(
        (values[two] - values[one]) / (two - one)
        for first, last in pairwise(borders)
        for one, two in combinations(range(first, last), 2)
    )
    assert all_slopes(days, values, parts).tolist() == expected
    lengths = [len(level) for level in levels]
    assert variance(values, parts) == sum(n * (n - 1) * (2 * n + 5) for n in lengths) / 18
