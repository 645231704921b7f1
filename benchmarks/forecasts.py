"""The error of forecasts, against those of a library and of the plain slope; and their cost.

`python -m benchmarks.forecasts cost` needs nothing. `python -m benchmarks.forecasts errors`
takes AutoETS, AutoTheta and MSTL from statsforecast where it is installed: in an environment
of its own, for it is no dependency of the project.
"""

# ruff: noqa: PLR2004, S311, T201 - a script of made-up days
from __future__ import annotations

import importlib
import importlib.util
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from scipy import stats

from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.growth import FORECAST_DAYS, Forecast, Growth
from sync_pipeline.model.size import SizePoint

GB = 10**9
DAYS, AHEAD = 90, 90
START = date(2026, 1, 1)
REPEATS = 12
SUBJECTS, SAMPLE = 10_000, 500
BASE = 500.0
"""GB on the first day."""

Sizes = list[float | None]
Method = Callable[[Sizes], list[float]]
"""Returns the sizes of the days ahead, from known days; None is a day without a size."""


@dataclass(frozen=True)
class Kind:
    """Days of one kind, in GB: what is known, and then what comes. `is_growing` is the truth."""

    name: str
    is_growing: bool
    make: Callable[[random.Random], list[float]]
    is_gappy: bool = False


def _days(of: Callable[[int], float], spread: float, chance: random.Random) -> list[float]:
    return [BASE + of(day) + chance.gauss(0, spread) for day in range(DAYS + AHEAD)]


def _linear(chance: random.Random) -> list[float]:
    return _days(lambda day: day, 2, chance)


def _stepped(chance: random.Random) -> list[float]:
    change, height = chance.randint(10, 75), chance.uniform(20, 60)
    return _days(lambda day: day + height * (day >= change), 1, chance)


def _purged(chance: random.Random) -> list[float]:
    change, height = chance.randint(10, 75), chance.uniform(20, 60)
    return _days(lambda day: day - height * (day >= change), 1, chance)


def _step(chance: random.Random) -> list[float]:
    change, height = chance.randint(10, 75), chance.uniform(20, 200)
    return _days(lambda day: height * (day >= change), 0.5, chance)


def _saw(period: int, slope: float = 0) -> Callable[[random.Random], list[float]]:
    def made(chance: random.Random) -> list[float]:
        phase = chance.randrange(period)
        return _days(lambda d: slope * d + 20 * ((d + phase) % period) / period, 0.2, chance)

    return made


def _flat(chance: random.Random) -> list[float]:
    return _days(lambda _: 0, 2, chance)


def _shrinking(chance: random.Random) -> list[float]:
    return _days(lambda day: -day, 2, chance)


def _wave(chance: random.Random) -> list[float]:
    phase = chance.uniform(0, 7)
    return _days(lambda day: day + 8 * math.sin((day + phase) * 2 * math.pi / 7), 1, chance)


def _odd(chance: random.Random) -> list[float]:
    sizes = _linear(chance)
    for day in chance.sample(range(DAYS), 12):
        sizes[day] *= chance.uniform(0.3, 3)
    return sizes


def _stairs(chance: random.Random) -> list[float]:
    """Weekly imports of unlike size on some day of the week, and a vacuum now and then."""
    phase, size = chance.randrange(7), 0.0
    sizes = []
    for day in range(DAYS + AHEAD):
        if (day + phase) % 7 == 0:
            size += chance.uniform(5, 9)
        if chance.random() < 0.02:
            size -= chance.uniform(1, 4)
        sizes.append(BASE + size)
    return sizes


def _log(chance: random.Random) -> list[float]:
    """A queue table: what comes in varies by day, what is older than two weeks is deleted."""
    came = [chance.lognormvariate(0, 0.5) * (0.3 if day % 7 > 4 else 1) for day in range(200)]
    return [BASE + sum(came[day + 4 : day + 18]) for day in range(DAYS + AHEAD)]


KINDS = (
    Kind("linear growth, noise", is_growing=True, make=_linear),
    Kind("growth with one step up", is_growing=True, make=_stepped),
    Kind("growth with one purge", is_growing=True, make=_purged),
    Kind("growth, weekly wave", is_growing=True, make=_wave),
    Kind("growth, weekly sawtooth", is_growing=True, make=_saw(7, 1)),
    Kind("growth by weekly imports", is_growing=True, make=_stairs),
    Kind("growth, 12 odd days", is_growing=True, make=_odd),
    Kind("growth, a third missing", is_growing=True, make=_linear, is_gappy=True),
    Kind("shrinking, noise", is_growing=False, make=_shrinking),
    Kind("flat, noise", is_growing=False, make=_flat),
    Kind("one step", is_growing=False, make=_step),
    Kind("sawtooth of 7 days", is_growing=False, make=_saw(7)),
    Kind("sawtooth of 10 days", is_growing=False, make=_saw(10)),
    Kind("sawtooth of 30 days", is_growing=False, make=_saw(30)),
    Kind("sawtooth of 45 days", is_growing=False, make=_saw(45)),
    Kind("queue of two weeks", is_growing=False, make=_log),
)


def points(sizes: Sizes) -> list[SizePoint]:
    """Return the points of sizes in GB."""
    return [
        SizePoint("i", "d", START + timedelta(days=day), round(size * GB))
        for day, size in enumerate(sizes)
        if size is not None
    ]


def _ours(sizes: Sizes) -> list[float]:
    found = growth(points(sizes))
    return [item.expected_bytes / GB for item in found.forecasts] if found else []


def _plain(sizes: Sizes) -> list[float]:
    known = [(day, size) for day, size in enumerate(sizes) if size is not None]
    fit = stats.theilslopes([size for _, size in known], [day for day, _ in known], method="joint")
    return [float(fit.intercept + fit.slope * (known[-1][0] + AHEAD))]


def _last(sizes: Sizes) -> list[float]:
    return [next(size for size in reversed(sizes) if size is not None)]


def _filled(sizes: Sizes) -> list[float]:
    """Return the sizes with each missing day as the day before: models need every day."""
    filled: list[float] = []
    for size in sizes:
        filled.append(filled[-1] if size is None and filled else size or BASE)
    return filled


def _library() -> dict[str, Method]:
    """Return the library's methods, with a week as the season that they are told of."""
    if importlib.util.find_spec("statsforecast") is None:
        return {}
    models = importlib.import_module("statsforecast.models")
    numpy = importlib.import_module("numpy")

    def method(model: object) -> Method:
        def forecast(sizes: Sizes) -> list[float]:
            known = numpy.array(_filled(sizes))
            found = model.forecast(y=known, h=AHEAD)["mean"]  # type: ignore[attr-defined]
            return [float(found[-1])]

        return forecast

    return {
        "AutoETS": method(models.AutoETS(season_length=7)),
        "AutoTheta": method(models.AutoTheta(season_length=7)),
        "MSTL": method(models.MSTL(season_length=7)),
    }


def errors() -> None:
    """Print for each kind the mean error of each method 90 days ahead, in GB, and our claims."""
    methods: dict[str, Method] = {
        "this": _ours,
        "plain slope": _plain,
        "last size": _last,
        **_library(),
    }
    print("| days | " + " | ".join(methods) + " | limit told | of |")
    print("|---" * (len(methods) + 3) + "|")
    for kind in KINDS:
        off: dict[str, list[float]] = {name: [] for name in methods}
        told = 0
        for seed in range(REPEATS):
            chance = random.Random(seed)
            sizes = kind.make(chance)
            known: Sizes = [
                None if kind.is_gappy and 0 < day < DAYS - 1 and chance.random() < 1 / 3 else size
                for day, size in enumerate(sizes[:DAYS])
            ]
            # The level of the days around: no method is to know the day of a purge.
            true = sum(sizes[-14:]) / 14
            for name, method in methods.items():
                off[name].append(abs(method(known)[-1] - true))
            found = growth(points(known), round((sizes[DAYS - 1] + 50) * GB))
            told += found is not None and found.days_until_limit is not None
        shown = " | ".join(f"{sum(values) / len(values):.1f}" for values in off.values())
        print(f"| {kind.name} | {shown} | {told} | {REPEATS if kind.is_growing else 0} |")


def cost() -> None:
    """Print what a trend costs, against a plain slope with its forecasts."""
    series = []
    for seed in range(SAMPLE):
        kind = KINDS[seed % len(KINDS)]
        series.append(points(list(kind.make(random.Random(seed))[:DAYS])))

    def plain(own: Sequence[SizePoint]) -> Growth:
        days = [float((item.collected_date - own[-1].collected_date).days) for item in own]
        sizes = [float((item.total_bytes or 0) - (own[-1].total_bytes or 0)) for item in own]
        fit = stats.theilslopes(sizes, days, method="joint")
        off = median(
            abs(y - fit.intercept - fit.slope * x) for x, y in zip(days, sizes, strict=True)
        )
        level = (own[-1].total_bytes or 0) + fit.intercept
        ahead = [
            Forecast(
                number,
                round(level + fit.slope * number),
                round(level + fit.low_slope * number - off),
                round(level + fit.high_slope * number + off),
            )
            for number in FORECAST_DAYS
        ]
        return Growth("i", "d", own[-1].collected_date, 0, len(own), forecasts=tuple(ahead))

    seconds = dict.fromkeys(("plain", "this"), math.inf)
    for _ in range(3):
        for name, work in (("plain", plain), ("this", growth)):
            begun = time.process_time()
            for own in series:
                work(own)
            spent = (time.process_time() - begun) * SUBJECTS / SAMPLE
            seconds[name] = min(seconds[name], spent)
    print(
        f"{SUBJECTS} subjects of {DAYS} days: {seconds['this']:.1f} s of CPU, the plain slope "
        f"{seconds['plain']:.1f} s, ratio {seconds['this'] / seconds['plain']:.2f}."
    )


if __name__ == "__main__":
    {"cost": cost, "errors": errors}[sys.argv[1]]()
