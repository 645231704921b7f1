"""What odd days do not turn: medians, the noise of a day, and sizes without odd days."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

NORMAL = 1.4826
"""Turns the median distance into a standard deviation, if days are normal."""

ODD_NOISE = 5.0
"""In standard deviations of a day: what is further from the days around is no noise."""

_ODD_WIDTH = 21
"""Days, of which a quarter may be odd and is hardly ever the greater part."""

_EDGE_RUN = 3
"""Odd days in a row at either end of the window, which are a level of their own."""

_SLOPE_DAYS = 5
_FOUR_IN_FIVE = 1.2816
"""Standard deviations within which four in five days are, if they are normal."""

_MOST_MEMORY = 0.97
_SURE = 2.0
"""In standard errors (one over the root of the days): a smaller memory is none."""


def without_odd_days(days: Array, sizes: Array) -> Array:
    """Return sizes of which the odd days have what the days around them tell instead."""
    # Without the usual slope, or the days beside a change of level would seem odd.
    slope = middle(
        (sizes[_SLOPE_DAYS:] - sizes[:-_SLOPE_DAYS]) / (days[_SLOPE_DAYS:] - days[:-_SLOPE_DAYS])
    )
    level = sizes - slope * days
    smooth = running_median(level, _ODD_WIDTH)
    off = np.abs(level - smooth)
    is_odd = off > ODD_NOISE * NORMAL * middle(off)
    _keep_ends(is_odd)
    return np.where(is_odd, smooth + slope * days, sizes)


def _keep_ends(is_odd: npt.NDArray[np.bool_]) -> None:
    """Take the first and the last days out of the odd ones, where they are several in a row."""
    for ends in (is_odd, is_odd[::-1]):
        run = len(ends) if ends.all() else int(np.argmin(ends))
        if run >= _EDGE_RUN:
            ends[:run] = False


def running_median(sizes: Array, width: int) -> Array:
    """Return the median of the days around each day; at both ends of the nearest ones."""
    width = min(width, len(sizes) - 1 + len(sizes) % 2)  # an odd number has a middle
    windows = sizes[_windows(len(sizes), width)]
    return np.partition(windows, width // 2, axis=1)[:, width // 2]


@lru_cache(maxsize=8)
def _windows(count: int, width: int) -> npt.NDArray[np.intp]:
    first = np.clip(np.arange(count) - width // 2, 0, count - width)
    return first[:, None] + np.arange(width)


def middle(numbers: Array) -> float:
    """Return the median, the higher one of two: NumPy's own takes five times as long."""
    half = len(numbers) // 2
    return float(np.partition(numbers, half)[half])


def day_noise(sizes: Array) -> float:
    """Return the standard deviation of one day, from the changes from day to day.

    It is told by four in five of the changes: of sizes in whole GB, most are none.
    """
    changes = np.diff(sizes)
    off = np.abs(changes - middle(changes))
    most = len(off) * 4 // 5
    return float(np.partition(off, most)[most]) / (_FOUR_IN_FIVE * math.sqrt(2))


def memory(rest: Array) -> float:
    """Return how much of a day's distance from the fit is still there a day later, 0 to 1.

    It is the first autocorrelation, with the correction for a fitted line of Kendall (1954);
    0 where it may be chance.
    """
    bound = 3 * NORMAL * middle(np.abs(rest))
    held = np.clip(rest, -bound, bound) if bound else rest
    held = held - held.mean()
    whole = float(held @ held)
    if whole == 0:
        return 0.0
    count = len(rest)
    found = float(held[1:] @ held[:-1]) / whole
    if found * math.sqrt(count) < _SURE:
        return 0.0
    return min(_MOST_MEMORY, found + (2 + 4 * found) / count)
