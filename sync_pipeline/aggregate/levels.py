"""What explains sizes best: levels without a slope, or a line.

See ADR 0030. They are compared by the Bayesian information criterion (Schwarz 1978), where
days that remember those before count for fewer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sync_pipeline.aggregate.lines import Fit, fits
from sync_pipeline.aggregate.robust import memory

Array = npt.NDArray[np.float64]

MOST_LEVELS = 4
"""Levels of a size that has no growth. More of them in one window are growth by steps."""

STRONG = 6.0
VERY_STRONG = 10.0
"""Differences of the criterion that are such evidence (Kass and Raftery 1995)."""

BEND = 0.25
"""Of the error of a line: if two slopes leave less, a slow bend is no memory of days."""

_FLOOR = 1e-12
"""Of the range, squared: a smaller error is one of rounding."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What explains sizes best.

    `changes` are the indices of the first sizes on another level. `since` is the index from
    which it holds, 0 where it always did: the slope was another one before.
    """

    is_levels: bool
    changes: tuple[int, ...] = ()
    since: int = 0


def explain(days: Array, sizes: Array) -> Explained:
    """Return whether levels explain the sizes as well as a line, and where either changes."""
    spread = float(np.max(sizes) - np.min(sizes))
    if spread == 0:
        return Explained(is_levels=True)
    scaled = (sizes - sizes[-1]) / spread
    lines = fits(days, scaled)
    counted = _independent(_best(lines, float(len(sizes))))
    levels = [
        (_criterion(error, len(sizes), counted, 2 * number + 1), start)
        for number, (error, start) in enumerate(_levels(scaled))
    ]
    if min(levels)[0] <= min(_of_line(fit, counted, 0) for fit in lines) + STRONG:
        # Each level more must be there for certain to be told of.
        _, last = min((found + VERY_STRONG * n, at) for n, (found, at) in enumerate(levels))
        return Explained(is_levels=True, changes=(last,) if last else ())
    best = _best(lines, counted)
    if best is lines[0] and lines[-1].since and lines[-1].error < BEND * best.error:
        best = lines[-1]
    if not best.since:
        return Explained(is_levels=False, changes=best.changes)
    later = explain(days[best.since :], sizes[best.since :])
    return Explained(
        later.is_levels,
        tuple(change + best.since for change in later.changes),
        later.since + best.since,
    )


def _best(lines: list[Fit], counted: float) -> Fit:
    """Return the line of which each change is there for certain."""
    return min(lines, key=lambda fit: _of_line(fit, counted, VERY_STRONG))


def _independent(fit: Fit) -> float:
    """Return for how many independent days the days count, by what a fit leaves of them."""
    count = len(fit.rest)
    if fit.error <= _FLOOR * count:
        return float(count)
    kept = memory(fit.rest)
    return count * (1 - kept) / (1 + kept)


def _of_line(fit: Fit, counted: float, dearer: float) -> float:
    changes = len(fit.changes) + (fit.since > 0)
    return _criterion(fit.error, len(fit.rest), counted, fit.parameters) + dearer * changes


def _criterion(error: float, count: int, counted: float, parameters: int) -> float:
    """Return the criterion of so many days, of which `counted` are independent."""
    return counted * math.log(max(error / count, _FLOOR)) + parameters * math.log(count)


@lru_cache(maxsize=16)
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
