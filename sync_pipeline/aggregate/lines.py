"""Lines through sizes that change their level, or once their slope: by least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_CHANGES = 3
"""Changes of level that are looked for."""

DAYS_OF_CHANGE = 10
"""Known days for each change that is looked for: fewer would be explained by anything."""

FEWEST_SINCE = 10
"""Known days on either side of a change of slope."""

_NOTHING = 1e-6
"""A column of which the others leave less was taken before, but for rounding."""

_SHORTEST = 2
"""One day alone is no level."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a line with `changes` leaves of the sizes.

    `changes` are the indices of the first sizes on another level, in order. `since` is the
    index from which the slope is that of the last day; 0 where it always was.
    """

    rest: Array
    changes: tuple[int, ...] = ()
    since: int = 0

    @property
    def error(self) -> float:
        """Return the squared error."""
        return float(self.rest @ self.rest)

    @property
    def parameters(self) -> int:
        """Return how many numbers were fitted."""
        return 2 + 2 * len(self.changes) + 2 * (self.since > 0)


def fits(days: Array, sizes: Array) -> list[Fit]:
    """Return the line, those with 1, 2, ... changes of level, and last that with two slopes.

    Changes are taken one by one, each the best beside those before. Too few days have none.
    """
    base = _base(days)
    straight = sizes - base @ (base.T @ sizes)
    found = [Fit(straight)]
    count = len(sizes)
    rest, columns = straight, _across(base, _steps(count))
    changes: tuple[int, ...] = ()
    for _ in range(min(MOST_CHANGES, count // DAYS_OF_CHANGE)):
        best, rest, columns = _take(rest, columns)
        changes = (*changes, best + _SHORTEST)
        found.append(Fit(rest, tuple(sorted(changes))))
    if count >= 2 * FEWEST_SINCE:
        bends = np.maximum(0.0, days[:, None] - days[FEWEST_SINCE - 1 : 1 - FEWEST_SINCE])
        best, rest, _ = _take(straight, _across(base, bends))
        found.append(Fit(rest, since=best + FEWEST_SINCE - 1))
    return found


def _base(days: Array) -> Array:
    centred = days - days.mean()
    level = np.full(len(days), 1 / math.sqrt(len(days)))
    return np.stack([level, centred / math.sqrt(float(centred @ centred))], axis=1)


@lru_cache(maxsize=16)
def _steps(count: int) -> Array:
    """Return each step as a column: 0 before, 1 from its index on."""
    first = np.arange(_SHORTEST, count - _SHORTEST + 1)
    return np.asarray(np.arange(count)[:, None] >= first, dtype=np.float64)


def _across(base: Array, columns: Array) -> Array:
    """Return what the base does not explain of the columns."""
    return np.asarray(columns - base @ (base.T @ columns))


def _take(rest: Array, columns: Array) -> tuple[int, Array, Array]:
    """Return the column that explains most, and what it leaves of the rest and the others."""
    own = np.einsum("ij,ij->j", columns, columns)
    gains = np.where(own > _NOTHING, (rest @ columns) ** 2 / np.maximum(own, _NOTHING), 0.0)
    best = int(np.argmax(gains))
    column = columns[:, best] / math.sqrt(max(float(own[best]), _NOTHING))
    left = columns - np.outer(column, column @ columns)
    return best, rest - float(column @ rest) * column, left
