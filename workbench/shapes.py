"""Shapes of daily sizes on which no parameter of the forecast was tuned, and what they show.

`python -m workbench.shapes` prints for each shape how many series have a limit date; how many
of them falsely, and how many have none though they grow; the mean error 90 days ahead in GB; and
the share of 95 % intervals that hold the size on that day, and the slope. The first argument is
the first seed: `TUNED` to work with, `HELD_OUT`, the default, to report.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.size import SizePoint

Array = npt.NDArray[np.float64]
Chance = np.random.Generator

GB = 10**9
DAYS, AHEAD = 90, 90
START = date(2026, 1, 1)
TUNED, HELD_OUT = 0, 1_000_000
SERIES = 200
"""Series of each shape."""

YES, NO, UNKNOWN = True, False, None
"""Whether a shape grows; unknown where no one could tell from the known days."""

TIME = np.arange(float(DAYS + AHEAD))


@dataclass(frozen=True)
class Made:
    """Sizes in GB, known and to come; NaN where a known day has no size, `first` the first."""

    sizes: Array
    slope: float | None = None
    """GB a day in the long run, where there is one."""
    missing: Array | None = None
    first: int = 0


@dataclass(frozen=True)
class Shape:
    """Days of one kind; `grows` is the truth."""

    name: str
    grows: bool | None
    make: Callable[[Chance], Made]


@dataclass
class Tally:
    """What one shape showed."""

    series: int = 0
    false: int = 0
    missed: int = 0
    dates: int = 0
    off: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    held_slope: list[bool] = field(default_factory=list)


def _slope(chance: Chance) -> float:
    return float(np.exp(chance.uniform(np.log(0.3), np.log(3))))


def _noise(chance: Chance, spread: float) -> Array:
    return np.asarray(chance.normal(0, spread, len(TIME)))


def _saw(period: float, phase: float, height: float) -> Array:
    return height * (((TIME + phase) % period) / period)


def _any_saw(chance: Chance, low: int, high: int) -> Array:
    period = int(chance.integers(low, high + 1))
    return _saw(period, int(chance.integers(period)), chance.uniform(10, 60))


def _steps(chance: Chance, count: int, first: int = 3) -> Array:
    days = chance.integers(first, DAYS - first, count)
    heights = chance.uniform(-60, 60, count)
    return np.asarray(((TIME[:, None] >= days) * heights).sum(axis=1))


def _line(chance: Chance) -> Made:
    slope = _slope(chance)
    return Made(slope * TIME + _noise(chance, slope * chance.uniform(0.1, 4)), slope)


def _one_change(sign: int) -> Callable[[Chance], Made]:
    def made(chance: Chance) -> Made:
        slope, day = _slope(chance), chance.integers(3, DAYS - 3)
        height = sign * chance.uniform(10, 60) * slope
        noise = _noise(chance, slope * chance.uniform(0.1, 2))
        return Made(slope * TIME + height * (day <= TIME) + noise, slope)

    return made


def _two_changes(chance: Chance) -> Made:
    """Two imports."""
    slope, days = _slope(chance), chance.choice(np.arange(5, DAYS - 5), 2, replace=False)
    heights = chance.uniform(10, 60, 2) * slope
    steps = ((TIME[:, None] >= days) * heights).sum(axis=1)
    return Made(slope * TIME + steps + _noise(chance, slope * chance.uniform(0.1, 1)), slope)


def _weekly(slope: float) -> Callable[[Chance], Made]:
    def made(chance: Chance) -> Made:
        week = np.cumsum(np.append(chance.uniform(1, 6, 5), -chance.uniform(0, 4, 2)))
        profile = np.asarray(week - np.linspace(0, week[-1], 7))
        own = slope * _slope(chance)
        load = profile[(TIME.astype(int) + int(chance.integers(7))) % 7]
        return Made(own * TIME + load + _noise(chance, 0.3), own)

    return made


def _month_end(with_days: float) -> Callable[[Chance], Made]:
    """A bulk load on the last day of each month."""

    def made(chance: Chance) -> Made:
        start = date(2026, int(chance.integers(1, 13)), int(chance.integers(1, 28)))
        days = [start + timedelta(days=int(day)) for day in TIME]
        ends = np.array([(day + timedelta(days=1)).day == 1 for day in days])
        loads = np.cumsum(ends * chance.uniform(8, 12, len(TIME)))
        daily = with_days * _slope(chance)
        return Made(loads + daily * TIME + _noise(chance, 0.2), daily + 10 / 30.4)

    return made


def _exponential(chance: Chance) -> Made:
    rate = np.log(2) / chance.uniform(60, 240)
    return Made(100 * np.exp(rate * TIME) + _noise(chance, 1))


def _saturating(chance: Chance) -> Made:
    tau = chance.uniform(10, 25)
    return Made(chance.uniform(50, 200) * (1 - np.exp(-TIME / tau)) + _noise(chance, 1))


def _starts(chance: Chance) -> Made:
    slope = _slope(chance)
    grown = slope * np.maximum(0, TIME - chance.uniform(25, 65))
    return Made(grown + _noise(chance, slope * chance.uniform(0.1, 1)), slope)


def _stops(chance: Chance) -> Made:
    slope, day = _slope(chance), chance.uniform(25, 70)
    return Made(slope * np.minimum(TIME, day) + _noise(chance, slope * chance.uniform(0.1, 1)))


def _spikes(slope: float) -> Callable[[Chance], Made]:
    """Index rebuilds: one or two days with much more."""

    def made(chance: Chance) -> Made:
        own = slope * _slope(chance)
        sizes = own * TIME + _noise(chance, 0.5)
        for day in chance.choice(DAYS - 3, int(chance.integers(3, 9)), replace=False):
            sizes[day : day + int(chance.integers(1, 3))] += chance.uniform(30, 200)
        return Made(sizes, own)

    return made


def _missing(chance: Chance) -> Made:
    made = _line(chance)
    missing = chance.random(DAYS) < chance.uniform(0.2, 0.6)
    outage = int(chance.integers(0, DAYS - 20))
    missing[outage : outage + int(chance.integers(7, 20))] = True
    missing[[0, -1]] = False
    return Made(made.sizes, made.slope, missing)


def _noisy(chance: Chance) -> Made:
    return Made(_noise(chance, chance.uniform(0.1, 5)), 0.0)


def _wandering(memory: float) -> Callable[[Chance], Made]:
    """What differs from day to day is remembered: all of it by a random walk."""

    def made(chance: Chance) -> Made:
        sizes = np.zeros(len(TIME))
        shock = chance.normal(0, 2, len(TIME))
        for day in range(1, len(TIME)):
            sizes[day] = memory * sizes[day - 1] + shock[day]
        return Made(sizes, 0.0)

    return made


def _quantised(slope: float) -> Callable[[Chance], Made]:
    """Sizes in whole GB."""

    def made(chance: Chance) -> Made:
        own = slope * _slope(chance) / 3
        return Made(np.round(own * TIME + _noise(chance, 0.4)), own)

    return made


def _autogrow(low: float, high: float) -> Callable[[Chance], Made]:
    """Files that grow by one increment when they are full, in every so many days."""

    def made(chance: Chance) -> Made:
        slope = _slope(chance)
        increment = slope * chance.uniform(low, high)
        used = np.cumsum(chance.gamma(4, slope / 4, len(TIME)))
        return Made(np.ceil((used + chance.uniform(0, increment)) / increment) * increment, slope)

    return made


def _few(slope: float) -> Callable[[Chance], Made]:
    def made(chance: Chance) -> Made:
        own = slope * _slope(chance)
        first = DAYS - int(chance.integers(8, 16))
        return Made(own * TIME + _noise(chance, 0.3 * max(own, 1)), own, None, first)

    return made


def _zeros(slope: float) -> Callable[[Chance], Made]:
    """Readings of nothing, or of a part."""

    def made(chance: Chance) -> Made:
        own = slope * _slope(chance)
        sizes = own * TIME + _noise(chance, 0.5)
        for day in chance.choice(DAYS, int(chance.integers(1, 12)), replace=False):
            sizes[day] = -500 * chance.choice([1, 1, 0.5])
        return Made(sizes, own)

    return made


def _log(chance: Chance) -> Made:
    """A log that is cut to about nothing every now and then."""
    size, sizes, until = chance.uniform(0, 20), [], 0.0
    middle = chance.uniform(8, 40)
    for day in TIME:
        if day == 0 or day >= until:
            size = chance.uniform(0, 2) if day else size
            until = day + middle * chance.uniform(0.5, 1.5)
        size += chance.gamma(4, 0.25)
        sizes.append(size)
    return Made(np.array(sizes))


def _long_saw(chance: Chance) -> Made:
    """A fall is among the known days: without it, it is a line."""
    period = int(chance.integers(50, 86))
    phase = int(period - chance.integers(8, min(DAYS - 8, period)))
    return Made(_saw(period, phase, chance.uniform(10, 60)) + _noise(chance, 0.2))


def _two_saws(chance: Chance) -> Made:
    return Made(_any_saw(chance, 5, 14) + _any_saw(chance, 20, 45) + _noise(chance, 0.2))


def _saw_alone(chance: Chance) -> Made:
    return Made(_any_saw(chance, 5, 45) + _noise(chance, chance.uniform(0, 0.5)))


def _saw_levels(chance: Chance) -> Made:
    saw = _any_saw(chance, 5, 45)
    return Made(saw + _steps(chance, int(chance.integers(1, 4))) + _noise(chance, 0.2))


def _saw_near_levels(chance: Chance) -> Made:
    """Levels that change within three days of a fall of the sawtooth."""
    period = int(chance.integers(20, 46))
    phase, height = int(chance.integers(period)), chance.uniform(10, 60)
    sizes = _saw(period, phase, height)
    falls = np.flatnonzero(np.diff(sizes[:DAYS]) < 0) + 1
    for fall in chance.choice(falls, min(2, len(falls)), replace=False):
        day = fall + int(chance.integers(-3, 4))
        sizes = sizes + chance.uniform(0.2, 1.8) * height * (day <= TIME)
    return Made(sizes + _noise(chance, 0.2))


def _levels(chance: Chance) -> Made:
    return Made(_steps(chance, int(chance.integers(1, 4))) + _noise(chance, 0.5))


def _grown_saw(chance: Chance) -> Made:
    """A purge each month takes a part of what came: the rest stays."""
    slope, period = _slope(chance), int(chance.integers(25, 36))
    saw = _saw(period, int(chance.integers(period)), slope * period * chance.uniform(0.3, 0.7))
    return Made(slope * TIME + saw + _noise(chance, 0.2), slope)


def _wave(chance: Chance) -> Made:
    period = chance.uniform(20, 60)
    height = chance.uniform(5, 30)
    wave = height * np.sin((TIME / period + chance.uniform()) * 2 * np.pi)
    return Made(wave + _noise(chance, 0.5))


def _triangle(chance: Chance) -> Made:
    period = int(chance.integers(20, 60))
    wave = np.abs((TIME + chance.integers(period)) % period - period / 2)
    return Made(chance.uniform(0.5, 2) * wave + _noise(chance, 0.3))


def _queue(chance: Chance) -> Made:
    kept = int(chance.integers(7, 31))
    came = chance.lognormal(0, 0.6, len(TIME) + kept)
    return Made(np.convolve(came, np.ones(kept), "valid")[: len(TIME)])


def _shrinks(chance: Chance) -> Made:
    made = _line(chance)
    return Made(-made.sizes, -(made.slope or 0))


SHAPES = (
    Shape("line", YES, _line),
    Shape("line, one step up", YES, _one_change(1)),
    Shape("line, one purge", YES, _one_change(-1)),
    Shape("line, two steps up", YES, _two_changes),
    Shape("line, weekly load", YES, _weekly(1)),
    Shape("line, month-end load", YES, _month_end(1)),
    Shape("line, rebuild spikes", YES, _spikes(1)),
    Shape("line, zero readings", YES, _zeros(1)),
    Shape("line, missing days", YES, _missing),
    Shape("line, whole GB", YES, _quantised(1)),
    Shape("line, 8 to 15 days", YES, _few(1)),
    Shape("line, monthly part purge", YES, _grown_saw),
    Shape("exponential", YES, _exponential),
    Shape("growth starts", YES, _starts),
    Shape("autogrow, 3 to 12 days", YES, _autogrow(3, 12)),
    Shape("autogrow, 15 to 40 days", UNKNOWN, _autogrow(15, 40)),
    Shape("month-end load alone", UNKNOWN, _month_end(0)),
    Shape("growth stops", NO, _stops),
    Shape("saturating", NO, _saturating),
    Shape("shrinking line", NO, _shrinks),
    Shape("flat, noise", NO, _noisy),
    Shape("flat, 8 to 15 days", NO, _few(0)),
    Shape("flat, whole GB", NO, _quantised(0)),
    Shape("flat, rebuild spikes", NO, _spikes(0)),
    Shape("flat, zero readings", NO, _zeros(0)),
    Shape("flat, remembered noise", NO, _wandering(0.9)),
    Shape("random walk", NO, _wandering(1)),
    Shape("levels", NO, _levels),
    Shape("weekly load", NO, _weekly(0)),
    Shape("sawtooth", NO, _saw_alone),
    Shape("sawtooth, levels", NO, _saw_levels),
    Shape("sawtooth, levels at falls", NO, _saw_near_levels),
    Shape("log, irregular cuts", NO, _log),
    Shape("sawtooth seen < twice", NO, _long_saw),
    Shape("two sawtooths", NO, _two_saws),
    Shape("wave", NO, _wave),
    Shape("triangle", NO, _triangle),
    Shape("queue", NO, _queue),
)


def points(made: Made) -> list[SizePoint]:
    """Return the known days, in bytes."""
    missing = np.zeros(DAYS, dtype=bool) if made.missing is None else made.missing
    return [
        SizePoint("i", "d", START + timedelta(days=day), max(0, round((500 + size) * GB)))
        for day, size in enumerate(made.sizes[:DAYS].tolist())
        if day >= made.first and not missing[day]
    ]


def count(tally: Tally, shape: Shape, made: Made, found: Growth) -> None:
    """Add one series to the tally: what is known of it is in `made`."""
    tally.series += 1
    has_date = found.days_until_limit is not None
    tally.dates += has_date
    tally.false += shape.grows is False and has_date
    tally.missed += shape.grows is True and not has_date
    later = found.forecasts[-1]
    # The level of the days around: no method is to know the day of a fall.
    tally.off.append(abs(later.expected_bytes / GB - 500 - float(made.sizes[-15:].mean())))
    tally.held.append(later.low_bytes <= (500 + made.sizes[-1]) * GB <= later.high_bytes)
    if made.slope is not None and found.low_bytes_per_day is not None:
        high = found.high_bytes_per_day or 0.0
        tally.held_slope.append(found.low_bytes_per_day <= made.slope * GB <= high)


def measure(shape: Shape, seeds: Sequence[int]) -> Tally:
    """Return what a shape shows, one series for each seed."""
    tally = Tally()
    for seed in seeds:
        made = shape.make(np.random.default_rng([seed, *shape.name.encode()]))
        found = growth(points(made), 10**15)
        if found is None or not found.forecasts:
            raise ValueError(f"{shape.name}: nothing is forecast")
        count(tally, shape, made, found)
    return tally


def _percent(values: Sequence[bool]) -> str:
    return f"{100 * sum(values) / len(values):.0f}" if values else ""


def main(first: int = HELD_OUT, series: int = SERIES) -> None:
    """Print the table."""
    print("| shape | grows | dates | false | missed | error | held | slope held |")
    print("|---|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        tally = measure(shape, range(first, first + series))
        grows = {True: "yes", False: "no", None: "?"}[shape.grows]
        print(
            f"| {shape.name} | {grows} | {tally.dates} | {tally.false} | {tally.missed} "
            f"| {np.mean(tally.off):.1f} | {_percent(tally.held)} | {_percent(tally.held_slope)} |"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
