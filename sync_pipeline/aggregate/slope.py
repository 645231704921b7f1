"""The slope of sizes and its interval: Theil-Sen, within the parts between changes of level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from sync_pipeline.aggregate.robust import NORMAL, memory

Array = npt.NDArray[np.float64]

MOST_RAISED = 2
"""Changes of level that are no part of the growth. More of them are how it grows."""

WALK = 0.75
"""A memory from which sizes may as well be a random walk: nothing draws them back."""

MOST_WIDER = 6.0
"""Times that an interval is widened: with more, hardly a slope is outside."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Bytes a day with their interval, and the level on day 0.

    `spread` is how far the share of days that was asked for is from the line, if they are
    normal: from the median distance, because one step in the window would otherwise widen
    every forecast. `last_change` is the index of the last change that was left out, or 0.
    """

    slope: float
    low: float
    high: float
    level: float
    spread: float
    last_change: int


def fit(days: Array, sizes: Array, changes: Sequence[int], confidence: float) -> Slope:
    """Return the slope of sizes (bytes) on `days`, of which `changes` begin other levels."""
    deviations = NormalDist().inv_cdf((1 + confidence) / 2)
    changes = _one_off(sizes, changes)
    parts = _parts(len(sizes), changes)
    slopes = all_slopes(days, sizes, parts)
    slope = float(np.median(slopes))
    off, level = _distances(days, sizes, parts, slope)
    kept = memory(off)
    widened = deviations * (_wider(kept) if kept else 1.0)
    low, high = interval(slopes, widened * math.sqrt(variance(sizes, parts)))
    if kept > WALK:
        half = deviations * _error_of_walk(off)
        low, high = min(low, slope - half), max(high, slope + half)
    spread = deviations * NORMAL * float(np.median(np.abs(off)))
    return Slope(slope, low, high, level, spread, changes[-1] if changes else 0)


def _one_off(sizes: Array, changes: Sequence[int]) -> Sequence[int]:
    falls = sum(sizes[at] < sizes[at - 1] for at in changes)
    return changes if len(changes) <= MOST_RAISED and falls < MOST_RAISED else ()


def _parts(count: int, changes: Sequence[int]) -> list[slice]:
    borders = [0, *changes, count]
    return [slice(first, last) for first, last in itertools.pairwise(borders)]


def _distances(
    days: Array, sizes: Array, parts: Sequence[slice], slope: float
) -> tuple[Array, float]:
    """Return the distances from the line, each part at its own level, and the last level."""
    level = sizes - slope * days
    middles = [float(np.median(level[part])) for part in parts]
    off = np.concatenate([level[part] - own for part, own in zip(parts, middles, strict=True)])
    return off, middles[-1]


def _wider(kept: float) -> float:
    """Return how much wider the interval is where days remember those before (see robust)."""
    return min(MOST_WIDER, math.sqrt((1 + kept) / (1 - kept)))


def _error_of_walk(off: Array) -> float:
    """Return the standard error of the mean change from one size to the next."""
    changes = np.diff(off)
    return float(changes.std()) / math.sqrt(len(changes))


def all_slopes(days: Array, sizes: Array, parts: Sequence[slice]) -> Array:
    """Return the slopes of all pairs of days within the parts, in order."""
    return np.sort(np.concatenate([_slopes(days[part], sizes[part]) for part in parts]))


def interval(slopes: Array, half: float) -> tuple[float, float]:
    """Return the slopes, of all in order, between which the true one is (Sen 1968, 2.6)."""
    low = max(round((len(slopes) - half) / 2) - 1, 0)
    high = min(round((len(slopes) + half) / 2), len(slopes) - 1)
    return float(slopes[low]), float(slopes[high])


def variance(sizes: Array, parts: Sequence[slice]) -> float:
    """Return the variance of the sum of signs of the pairs of days within the parts.

    Equal sizes make it less (Sen 1968, 2.6), which is counted where there is one part.
    """
    lengths = [part.stop - part.start for part in parts]
    equal = np.unique(sizes, return_counts=True)[1].tolist() if len(parts) == 1 else []
    return (sum(map(_share, lengths)) - sum(map(_share, equal))) / 18


def _share(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _slopes(days: Array, sizes: Array) -> Array:
    one, two = _pairs(len(days))
    return np.asarray((sizes[two] - sizes[one]) / (days[two] - days[one]))


@lru_cache(maxsize=16)
def _pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    one, two = np.triu_indices(count, 1)
    return one, two
