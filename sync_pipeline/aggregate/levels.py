"""What else explains sizes that seem to grow: other levels, or a return after a fall.

See ADR 0030. Sizes are compared by the Bayesian information criterion (Schwarz 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_LEVELS = 4
"""Levels of a size that has no growth. More of them in one window are growth by steps."""

STRONG = 6.0
VERY_STRONG = 10.0
"""Differences of the criterion that are such evidence (Kass and Raftery 1995)."""

LONGEST_CYCLE = 45
"""Days. What falls that often may only be on its way back."""

FALL_SHARE = 0.25
"""Of what the trend makes in the longest cycle: a smaller fall does not matter."""

FALL_NOISE = 5.0
"""In standard deviations of a day: a smaller fall is noise."""

NORMAL = 1.4826
"""Turns the median distance into a standard deviation, if days are normal."""

_ODD_WIDTH = 21
"""Days, of which a quarter may be odd and is hardly ever the greater part."""

_FALL_WIDTH = 5
_SLOPE_DAYS = 5
_FLOOR = 1e-12
"""Of the range, squared: a smaller error is one of rounding."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What explains sizes best: levels without a slope, or a line.

    `change` is the index of the first size on the last level, None where there is but one.
    `height` is by how many bytes the line is higher from there on; 0 where levels explain it.
    """

    is_levels: bool
    change: int | None
    height: float


def without_odd_days(days: Array, sizes: Array) -> Array:
    """Return sizes of which the odd days have what the days around them tell instead."""
    # Without the usual slope, or the days beside a change of level would seem odd.
    slope = _middle(
        (sizes[_SLOPE_DAYS:] - sizes[:-_SLOPE_DAYS]) / (days[_SLOPE_DAYS:] - days[:-_SLOPE_DAYS])
    )
    level = sizes - slope * days
    smooth = _running_median(level, _ODD_WIDTH)
    off = np.abs(level - smooth)
    return np.where(off > FALL_NOISE * NORMAL * _middle(off), smooth + slope * days, sizes)


def explain(days: Array, sizes: Array) -> Explained:
    """Return whether levels explain the sizes as well as a line with at most one change."""
    spread = float(np.max(sizes) - np.min(sizes))
    if spread == 0:
        return Explained(is_levels=True, change=None, height=0.0)
    scaled = (sizes - sizes[-1]) / spread
    straight, broken, change, height = _lines(days, scaled)
    count = len(sizes)
    line = _criterion(straight, count, 2)
    with_change = _criterion(broken, count, 4)
    levels = [
        (_criterion(error, count, 2 * number + 1), start)
        for number, (error, start) in enumerate(_levels(scaled))
    ]
    if min(levels)[0] <= min(line, with_change) + STRONG:
        # Each level more must be there for certain to be told of.
        _, last = min((found + VERY_STRONG * n, at) for n, (found, at) in enumerate(levels))
        return Explained(is_levels=True, change=last or None, height=0.0)
    if with_change + VERY_STRONG < line:
        return Explained(is_levels=False, change=change, height=height * spread)
    return Explained(is_levels=False, change=None, height=0.0)


def may_be_cycle(days: Array, sizes: Array, clean: Array, slope: float) -> bool:
    """Return whether sizes that rise fall so often that they may only come and go.

    `clean` are the sizes without odd days. What shrinks "falls" where it rises. It is no
    cycle where days enough passed without a fall, before the last one or after it.
    """
    sign = -1.0 if slope < 0 else 1.0
    changes = np.diff(clean)
    noise = NORMAL * _middle(np.abs(changes - _middle(changes))) / math.sqrt(2)
    matters = max(FALL_NOISE * noise, FALL_SHARE * abs(slope) * LONGEST_CYCLE)
    falls = _slow_falls(days, sign * _running_median(clean, _FALL_WIDTH), matters)
    falls += _sudden_falls(days, sign * sizes, matters)
    borders = sorted([float(days[0]), *falls, float(days[-1])])
    longest = max(after - before for before, after in pairwise(borders))
    return bool(falls) and longest <= LONGEST_CYCLE + _FALL_WIDTH


def _slow_falls(days: Array, smooth: Array, matters: float) -> list[float]:
    """Return the days on which sizes are so much below the highest one since the last fall."""
    falls = []
    highest = -math.inf
    for day, size in zip(days.tolist(), smooth.tolist(), strict=True):
        if highest - size > matters:
            falls.append(day)
            highest = size
        highest = max(highest, size)
    return falls


def _sudden_falls(days: Array, sizes: Array, matters: float) -> list[float]:
    """Return the days from which all of the next are so much below all of those before."""
    if len(sizes) < 2 * _FALL_WIDTH:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(sizes, _FALL_WIDTH)
    fallen = windows.min(axis=1)[:-_FALL_WIDTH] - windows.max(axis=1)[_FALL_WIDTH:] > matters
    found: list[float] = days[_FALL_WIDTH : len(days) - _FALL_WIDTH + 1][fallen].tolist()
    return found


def _running_median(sizes: Array, width: int) -> Array:
    """Return the median of the days around each day; at both ends of the nearest ones."""
    width = min(width, len(sizes) - 1 + len(sizes) % 2)  # an odd number has a middle
    windows = sizes[_windows(len(sizes), width)]
    return np.partition(windows, width // 2, axis=1)[:, width // 2]


@lru_cache(maxsize=8)
def _windows(count: int, width: int) -> npt.NDArray[np.intp]:
    first = np.clip(np.arange(count) - width // 2, 0, count - width)
    return first[:, None] + np.arange(width)


def _middle(numbers: Array) -> float:
    """Return the median, the higher one of two: NumPy's own takes five times as long."""
    half = len(numbers) // 2
    return float(np.partition(numbers, half)[half])


def _criterion(error: float, count: int, parameters: int) -> float:
    return count * math.log(max(error / count, _FLOOR)) + parameters * math.log(count)


def _lines(days: Array, sizes: Array) -> tuple[float, float, int, float]:
    """Return the squared errors of a line, and of one with the best change of level."""
    count = len(days)
    centred = days - days.mean()
    base = centred / math.sqrt(float(centred @ centred))
    rest = sizes - sizes.mean()
    rest -= (base @ rest) * base
    straight = float(rest @ rest)
    # Each step, 0 before and 1 from index c on, without its mean and without its slope.
    after = np.arange(count - 1, 0, -1)
    along = np.cumsum(base[::-1])[::-1][1:]
    own = after - after**2 / count - along**2
    with_rest = np.cumsum(rest[::-1])[::-1][1:]
    own[[0, -1]] = np.inf  # one day alone is no level
    gains = with_rest**2 / np.maximum(own, 1e-9)
    best = int(np.argmax(gains))
    return (
        straight,
        max(0.0, straight - float(gains[best])),
        best + 1,
        float(with_rest[best] / own[best]),
    )


@lru_cache(maxsize=4)
def _lengths(count: int) -> tuple[Array, Array]:
    """Return 1 / length of the segments between two borders, and infinity where is none."""
    lengths = np.arange(count + 1.0) - np.arange(count + 1.0)[:, None]
    is_segment = lengths > 0
    return np.where(is_segment, 1 / np.where(is_segment, lengths, 1), 0), np.where(
        is_segment, 0, np.inf
    )


def _levels(sizes: Array) -> list[tuple[float, int]]:
    """Return the least squared error of 1, 2, ... levels, and where the last one begins."""
    count = len(sizes)
    sums = np.append(0.0, np.cumsum(sizes))
    squares = np.append(0.0, np.cumsum(sizes**2))
    inverse, forbidden = _lengths(count)
    own = sums - sums[:, None]
    own *= own
    own *= inverse
    np.subtract(squares - squares[:, None], own, out=own)
    own += forbidden
    until = own[0].copy()
    found = [(float(until[-1]), 0)]
    for _ in range(min(MOST_LEVELS, count) - 1):
        last = int(np.argmin(until + own[:, -1]))
        until = (until[:, None] + own).min(axis=0)
        found.append((float(until[-1]), last))
    return found
