"""Whether sizes that rise may only come and go: what falls as far as it rises (see ADR 0030)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sync_pipeline.aggregate.robust import ODD_NOISE, day_noise, middle, running_median

Array = npt.NDArray[np.float64]

ONE_FALL_MARGIN, MARGIN = 1.05, 1.25
"""How much further than they fell sizes must have risen: cycles are not all alike.

More is asked for after several falls, which are a cycle for certain, than after one.
"""

MOST_JUMPS = 3
"""Rises of level that may hide falls of a cycle. More of them are growth by steps."""

UNDONE = 0.05
"""Of the greatest change in it: sizes that come back so near were odd for some days."""

ROUNDING = 1e-6
"""Of the range: a smaller change is one of rounding, however even the days are."""

_WIDTH = 5
"""Days, after which another change of level is one of its own."""

_EDGE = 3
"""Sizes at either end of which a change may be an odd day."""


@dataclass(frozen=True, slots=True)
class _Jump:
    """A change of so many bytes, up or down, that ends with the size of an index."""

    index: int
    height: float


@dataclass(frozen=True, slots=True)
class _Jumps:
    """The sudden falls and rises, and the sizes without them."""

    falls: list[_Jump]
    rises: list[_Jump]
    smooth: Array

    @property
    def height(self) -> float:
        """Return by how much the sizes are higher after all of them."""
        return sum(jump.height for jump in self.rises) - sum(jump.height for jump in self.falls)


def may_be_cycle(days: Array, sizes: Array, clean: Array, *, is_growing: bool) -> bool:
    """Return whether sizes fell about as far as they rose between falls and over the window.

    `clean` are the sizes without odd days. What shrinks "falls" where it rises.
    """
    sign = 1.0 if is_growing else -1.0
    matters = max(ODD_NOISE * day_noise(clean), ROUNDING * float(np.ptp(sizes)))
    sudden = _sudden(days, sign * sizes, sign * clean, matters)
    falls = [*sudden.falls, *_slow_falls(sudden.smooth, matters)]
    if not falls:
        return False
    # A rise may hide a fall, so growth must be seen beside it; or there are too many of them.
    risen = _rises(sudden.smooth, sorted(jump.index for jump in (*falls, *sudden.rises)))
    if not 0 < len(sudden.rises) <= MOST_JUMPS:
        risen.append(float(sudden.smooth[-1] - sudden.smooth[0]) + sudden.height)
    margin = ONE_FALL_MARGIN if len(falls) == 1 else MARGIN
    return max(risen) <= margin * max(fall.height for fall in falls)


def _rises(smooth: Array, borders: list[int]) -> list[float]:
    """Return by how much sizes rose between one border and the next."""
    return [
        float(smooth[first:last].max() - smooth[first])
        for first, last in pairwise([0, *borders, len(smooth)])
        if first < last
    ]


def _slow_falls(smooth: Array, matters: float) -> list[_Jump]:
    """Return the falls below the highest size since the last fall, each with its lowest size."""
    falls: list[_Jump] = []
    highest = lowest = -math.inf
    for index, size in enumerate(smooth.tolist()):
        if size >= highest or size > lowest + matters:
            highest = lowest = size
        elif size < lowest:
            if highest - lowest > matters:
                falls.pop()
            lowest = size
            if highest - lowest > matters:
                falls.append(_Jump(index, highest - lowest))
    return falls


def _sudden(days: Array, sizes: Array, clean: Array, matters: float) -> _Jumps:
    """Return the falls and the rises within days that were not undone within days."""
    gaps = np.diff(days)
    changes = np.diff(sizes)
    slope = middle(changes / gaps)
    changes -= slope * gaps
    found = np.flatnonzero(np.abs(changes) > matters)
    steps, rest = np.zeros(len(sizes)), sizes.copy()
    falls, rises = [], []
    for run in np.split(found, np.flatnonzero(np.diff(found) > _WIDTH) + 1):
        if not len(run):
            continue
        heights, after = changes[run], int(run[-1]) + 1
        if _is_odd(heights, matters) or run[0] + 1 < _EDGE or len(sizes) - after < _EDGE:
            rest[run[0] + 1 : after] = clean[run[0] + 1 : after]
            continue
        steps[run + 1] = heights
        falls += _jumps(run, -heights)
        rises += _jumps(run, heights)
    level = rest - np.cumsum(steps) - slope * days
    return _Jumps(falls, rises, running_median(level, _WIDTH) + slope * days)


def _jumps(run: npt.NDArray[np.intp], heights: Array) -> list[_Jump]:
    """Return the changes upwards of a run as one, none where there are none."""
    upwards = heights > 0
    if not upwards.any():
        return []
    return [_Jump(int(run[upwards][-1]) + 1, float(heights[upwards].sum()))]


def _is_odd(heights: Array, matters: float) -> bool:
    return bool(abs(heights.sum()) <= max(matters, UNDONE * np.abs(heights).max()))
