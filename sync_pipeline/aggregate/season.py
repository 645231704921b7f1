"""A season of days in daily sizes: a weekly load, or a purge every few days.

Where it is known, sizes are compared without it (see ADR 0030).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FEWEST_CYCLES = 4
"""With fewer, one import at the same day of two cycles would count as a season."""

FEWEST_PAIRS = 10
"""Pairs of changes one period apart, below which no season is claimed."""

ODD_PAIRS = 6
"""A change of level is in two pairs; three of them hide no season."""

MOST_DIFFERENCE = 0.25
"""Of the mean square between changes: a season leaves at most this between its own days."""


MOST_LEFT = 0.5
"""Of the usual square of a change: more of it than this no season leaves."""


@dataclass(frozen=True, slots=True)
class Season:
    """A cycle of `days`; `offsets` are its bytes on each known day, zero on average."""

    days: int
    offsets: Array


def find_season(days: Array, sizes: Array) -> Season | None:
    """Return the season of sizes (bytes) on `days` (whole, in order), if there is one.

    Changes from day to day are compared, not sizes: a change of level is one odd change.
    """
    numbers = (days - days[0]).astype(np.intp)
    grid = np.full(int(numbers[-1]) + 1, np.nan)
    grid[numbers] = sizes
    changes = np.diff(grid)
    period = _period(changes, len(grid) // FEWEST_CYCLES)
    if period is None:
        return None
    profile = _profile(changes, period)
    if profile is None or not _explains(profile, changes):
        return None
    return Season(period, profile[numbers % period])


def _explains(profile: Array, changes: Array) -> bool:
    """Return whether the changes are less without the season, but for a few odd ones.

    Some readings of nothing are one period apart by chance.
    """
    own = np.resize(np.diff(profile, append=profile[0]), len(changes))
    without = _usual_square(changes - own)
    return without <= MOST_LEFT * _usual_square(changes)


def _usual_square(changes: Array) -> float:
    known = changes[~np.isnan(changes)]
    squares = np.sort((known - np.median(known)) ** 2)
    return float(squares[:-ODD_PAIRS].sum())


def _period(changes: Array, longest: int) -> int | None:
    """Return the shortest of the periods that leave least between changes one period apart."""
    if longest < 2:  # noqa: PLR2004 - a season has two days
        return None
    width = len(changes)
    lags = np.arange(1, longest + 1)
    padded = np.append(changes, np.full(longest, np.nan))
    apart = padded[np.arange(width) + lags[:, None]] - changes
    is_pair = ~np.isnan(apart)
    counts = np.count_nonzero(is_pair, axis=1)
    scale = float(np.nanmax(np.abs(changes), initial=0.0))
    if scale == 0 or counts.min() < FEWEST_PAIRS:
        return None
    squares = np.where(is_pair, apart / scale, 0.0) ** 2
    squares.partition(width - ODD_PAIRS, axis=1)
    left = squares[:, :-ODD_PAIRS].sum(axis=1) / counts
    bound = float(left[1:].min()) * 1.5 + 1e-12
    if bound > MOST_DIFFERENCE * float(left.max()):
        return None
    return int(lags[1:][left[1:] <= bound][0])


def _profile(changes: Array, period: int) -> Array | None:
    """Return the offset of each day of the period: the sum of its median changes, levelled."""
    cycles = -(-len(changes) // period)
    padded = np.append(changes, np.full(cycles * period - len(changes), np.nan))
    table = np.sort(padded.reshape(cycles, period), axis=0)
    known = np.count_nonzero(~np.isnan(table), axis=0)
    if not known.all():
        return None
    columns = np.arange(period)
    middle = (table[(known - 1) // 2, columns] + table[known // 2, columns]) / 2
    if not middle.any() or np.ptp(middle) == 0:
        return None
    total = np.append(0.0, np.cumsum(middle - middle.mean())[:-1])
    return np.asarray(total - total.mean(), dtype=np.float64)
