"""Plots of the report: lines in a square that the page stretches, without any script.

A mail's preview on a phone runs none. The texts at the axes stand beside the picture, so that they
are of the page's size whatever the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT = 1000, 300
STEPS = 4
"""Spaces between the heights that are written at the side."""
MOST_DAYS_MARKED = 4
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
Point = tuple[date, float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """Values by day; where one is None the line is broken. `band` has a low and a high value."""

    name: str
    points: Sequence[Point]
    band: Sequence[tuple[date, float, float]] = ()
    is_dashed: bool = False
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line and what is filled, as paths of SVG; `number` tells the colours apart."""

    name: str
    number: int
    path: str
    area: str = ""
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot: its lines, the texts of the heights from the top, and of the days from the left."""

    label: str
    lines: tuple[DrawnLine, ...]
    heights: tuple[str, ...]
    days: tuple[str, ...]

    @property
    def has_legend(self) -> bool:
        """Return whether the lines need names."""
        return len(self.lines) > 1


def drawn(label: str, series: Sequence[Series], shown: Callable[[float], str]) -> Drawing | None:
    """Return a plot whose heights are written as `shown` does; None where there is nothing."""
    known = [item for item in series if any(value is not None for _, value in item.points)]
    if not known:
        return None
    days = [day for item in known for day, _ in (*item.points, *_middle(item))]
    frame = _Frame(min(days), max(days), _top(max(_highest(item) for item in known)))
    heights = (shown(frame.top * (STEPS - step) / STEPS) for step in range(STEPS + 1))
    return Drawing(
        label,
        tuple(frame.line(number, item) for number, item in enumerate(known)),
        tuple(heights),
        tuple(frame.marked()),
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    first: date
    last: date
    top: float

    def line(self, number: int, item: Series) -> DrawnLine:
        path = " ".join(self._segment(part) for part in _parts(item.points))
        area = self._band(item) if item.band else self._filled(item) if item.is_filled else ""
        return DrawnLine(item.name, number, path, area, item.is_dashed)

    def marked(self) -> Iterator[str]:
        days = (self.last - self.first).days
        count = min(days, MOST_DAYS_MARKED)
        yield str(self.first)
        for place in range(1, count + 1):
            yield str(self.first + timedelta(days=round(days * place / count)))

    def _segment(self, part: Sequence[tuple[date, float]]) -> str:
        path = "M" + "L".join(self._place(day, value) for day, value in part)
        return f"{path}h.1" if len(part) == 1 else path  # a round end is a dot

    def _filled(self, item: Series) -> str:
        areas = []
        for part in _parts(item.points):
            top = "L".join(self._place(day, value) for day, value in part)
            areas.append(f"M{self._x(part[0][0])} {HEIGHT}L{top}L{self._x(part[-1][0])} {HEIGHT}Z")
        return " ".join(areas)

    def _band(self, item: Series) -> str:
        high = [self._place(day, value) for day, _, value in item.band]
        low = [self._place(day, value) for day, value, _ in reversed(item.band)]
        return f"M{'L'.join((*high, *low))}Z"

    def _place(self, day: date, value: float) -> str:
        height = HEIGHT * (1 - min(max(value / self.top, 0.0), 1.0))
        return f"{self._x(day)} {_number(height)}"

    def _x(self, day: date) -> str:
        whole = (self.last - self.first).days
        return _number(WIDTH * (day - self.first).days / whole if whole else WIDTH / 2)


def _middle(item: Series) -> Iterator[Point]:
    return ((day, high) for day, _, high in item.band)


def _highest(item: Series) -> float:
    return max(value for _, value in (*item.points, *_middle(item)) if value is not None)


def _parts(points: Sequence[Point]) -> Iterator[list[tuple[date, float]]]:
    """Yield the parts of a line without the days that have no value."""
    part: list[tuple[date, float]] = []
    for day, value in points:
        if value is not None:
            part.append((day, value))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _top(highest: float) -> float:
    """Return a number at or above the highest value, of which a quarter is short to write."""
    step = max(highest, 1.0) / STEPS
    power = 10.0 ** math.floor(math.log10(step))
    return STEPS * power * next(nice for nice in _NICE if nice * power >= step * (1 - 1e-9))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
