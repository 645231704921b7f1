"""What is no growth is not called growth: levels, seasons and noise, alone and together."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import scipy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.growth import Growth, GrowthTrend
from sync_pipeline_tests.unit.aggregate.test_growth import GB, START, points

WINDOW = 90
"""Days: the default of the setting."""


def grown(sizes: Sequence[float], limit: float | None = None) -> Growth:
    """Return the growth of sizes from day to day, against a limit just above the last one."""
    by_day: dict[int, int | None] = {day: round(size) for day, size in enumerate(sizes)}
    found = growth(points(by_day), round(sizes[-1] + 2 * GB if limit is None else limit))
    assert found is not None
    return found


def line(days: int, slope: float = GB) -> list[float]:
    return [500 * GB + slope * day for day in range(days)]


def saw(days: int, period: int, phase: int = 0, height: float = 20 * GB) -> list[float]:
    return [500 * GB + height * ((day + phase) % period) / period for day in range(days)]


def levels(days: int, changes: dict[int, float]) -> list[float]:
    return [
        500 * GB + sum(height for first, height in changes.items() if day >= first)
        for day in range(days)
    ]


def together(*series: Sequence[float]) -> list[float]:
    return [sum(sizes) - 500 * GB * (len(series) - 1) for sizes in zip(*series, strict=True)]


def noise(days: int, spread: float, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [500 * GB + chance.gauss(0, spread) for _ in range(days)]


def test_a_step_is_a_step() -> None:
    found = grown([GB] * 15 + [3 * GB] * 15)
    assert (found.trend, found.days_until_limit) == (GrowthTrend.NONE, None)
    assert found.earliest_days_until_limit is None
    assert found.bytes_per_day == 0
    assert found.level_since == points({15: 1})[0].collected_date
    assert [item.expected_bytes for item in found.forecasts] == [3 * GB, 3 * GB]


NO_GROWTH: dict[str, Callable[[], list[float]]] = {
    "flat": lambda: line(90, 0),
    "flat with noise": lambda: noise(90, 2 * GB),
    "a step in 90 days": lambda: levels(90, {15: 20 * GB}),
    "a step in the middle": lambda: levels(90, {45: 20 * GB}),
    "a step lately": lambda: levels(90, {80: 20 * GB}),
    "a step with noise": lambda: together(levels(90, {30: 20 * GB}), noise(90, GB)),
    "three steps up": lambda: levels(90, {20: GB, 40: 3 * GB, 60: 9 * GB}),
    "a step up and down": lambda: levels(90, {20: 30 * GB, 60: -20 * GB}),
    "weekly, a month": lambda: saw(30, 7),
    "ten days, a month": lambda: saw(30, 10, 5),
    "thirty days, a month": lambda: saw(30, 30, 15),
    "weekly with a step": lambda: together(saw(90, 7), levels(90, {40: 30 * GB})),
    "thirty days": lambda: saw(90, 30),
    "a wave": lambda: [500 * GB + 9 * GB * abs(15 - day % 30) for day in range(90)],
    "a rise undone": lambda: line(45) + line(45),
}


@pytest.mark.parametrize("name", NO_GROWTH)
def test_no_growth_has_no_trend(name: str) -> None:
    found = grown(NO_GROWTH[name]())
    assert (found.trend, found.days_until_limit) == (GrowthTrend.NONE, None)
    assert found.low_bytes_per_day is not None
    assert found.high_bytes_per_day is not None
    assert found.low_bytes_per_day <= 0 <= found.high_bytes_per_day


@dataclass(frozen=True)
class Sample:
    """Days without growth: levels and a saw of 2 to 45 days."""

    days: int
    period: int
    phase: int
    height: float
    changes: dict[int, float]

    @property
    def is_hidden(self) -> bool:
        """Return whether levels rise within days of a fall of the saw by about as much.

        Such days are those of a growth that had an odd day, whatever one does.
        """
        falls = [day for day in range(self.days) if (day + self.phase) % self.period == 0]
        risen = [
            sum(height for day, height in self.changes.items() if abs(fall - day) <= 5)
            for fall in falls
        ]
        return self.period > WINDOW // 4 and any(
            0.9 * self.height <= height <= 1.1 * self.height for height in risen if height
        )


SAMPLES = st.builds(
    Sample,
    st.integers(WINDOW, WINDOW + 1),
    st.integers(2, 45),
    st.integers(0, 44),
    st.sampled_from((0.0, GB, 10.0 * GB, 100.0 * GB)),
    st.dictionaries(st.integers(1, WINDOW - 1), st.floats(-100 * GB, 100 * GB), max_size=3),
)


@settings(max_examples=300, derandomize=True)
@given(SAMPLES, st.sampled_from((1, 10, 50)))
def test_levels_and_seasons_never_reach_a_limit_within_the_window(
    sample: Sample, room: int
) -> None:
    assume(not sample.is_hidden)
    sizes = together(
        saw(sample.days, sample.period, sample.phase, sample.height),
        levels(sample.days, sample.changes),
    )
    found = grown(sizes, sizes[-1] + room * GB)
    assert found.days_until_limit is None or found.days_until_limit >= WINDOW


GROWTH: dict[str, Callable[[], list[float]]] = {
    "a line": lambda: line(90),
    "with noise": lambda: together(line(90), noise(90, 2 * GB)),
    "in eight days": lambda: line(8),
    "with a step": lambda: together(line(90), levels(90, {40: 30 * GB})),
    "with a purge long ago": lambda: together(line(90), levels(90, {20: -30 * GB})),
    "weekly": lambda: together(line(90), saw(90, 7)),
    "weekly with noise": lambda: together(line(90), saw(90, 7), noise(90, GB / 2)),
    "by steps of a week": lambda: levels(90, dict.fromkeys(range(7, 90, 7), 7 * GB)),
    "with a small fall": lambda: together(line(90), levels(90, {70: -5 * GB})),
}


@pytest.mark.parametrize("name", GROWTH)
def test_growth_stays_growth(name: str) -> None:
    sizes = GROWTH[name]()
    found = grown(sizes, sizes[-1] + 50 * GB)
    assert found.trend is GrowthTrend.GROWING
    assert found.bytes_per_day == pytest.approx(GB, rel=0.1)
    assert found.days_until_limit == pytest.approx(50, rel=0.15)
    shrinking = grown([1000 * GB - size for size in sizes])
    assert shrinking.trend is GrowthTrend.SHRINKING
    assert shrinking.bytes_per_day == pytest.approx(-GB, rel=0.1)
    assert shrinking.days_until_limit is None


def test_a_season_is_told_and_so_is_a_change_of_level() -> None:
    assert grown(GROWTH["weekly"]()).season_days == 7
    found = grown(GROWTH["with a step"]())
    assert found.season_days is None
    assert found.level_since is not None
    assert (found.level_since - START).days == 40


def test_the_interval_holds_the_slope_nine_times_in_ten() -> None:
    """Of lines with noise, and with one change of level in every second one."""
    inside = 0
    for seed in range(200):
        chance = random.Random(seed)
        slope, days = chance.uniform(0.2, 5) * GB, chance.choice((60, 90))
        height = chance.uniform(-60, 60) * slope * (seed % 2)
        change = chance.randint(5, days - 5)
        spread = chance.choice((0.1, 1, 2)) * slope
        sizes = together(line(days, slope), levels(days, {change: height}))
        found = grown(together(sizes, noise(days, spread, seed)))
        assert found.low_bytes_per_day is not None
        assert found.high_bytes_per_day is not None
        inside += found.low_bytes_per_day <= slope <= found.high_bytes_per_day
    assert inside >= 180


def test_a_plain_trend_is_that_of_scipy() -> None:
    sizes = GROWTH["with noise"]()
    fit = scipy.stats.theilslopes([round(size) for size in sizes], alpha=0.95)
    found = grown(sizes)
    assert found.bytes_per_day == pytest.approx(fit.slope)
    assert found.low_bytes_per_day == pytest.approx(fit.low_slope)
    assert found.high_bytes_per_day == pytest.approx(fit.high_slope)


@settings(max_examples=100)
@given(st.dictionaries(st.integers(0, 400), st.integers(0, 2**62), min_size=1, max_size=40))
def test_any_days_have_a_growth_in_order(sizes: dict[int, int]) -> None:
    """Gaps of any length, and sizes of any kind: no error, and nothing out of order."""
    found = growth(points(dict(sizes)), 2**62)
    assert found is not None
    assert (found.trend is None) is (found.bytes_per_day is None)
    for item in found.forecasts:
        assert 0 <= item.low_bytes <= item.expected_bytes <= item.high_bytes
    if found.trend is not GrowthTrend.GROWING:
        assert found.days_until_limit is None
