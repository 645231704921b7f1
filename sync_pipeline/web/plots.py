"""Plots as they are drawn: lines, gaps and marks in a square that a page stretches.

The texts at the axes stand beside the picture and not in it, so that they are of the page's size
whatever the width. They are at equal distances, as neither may a page set the place of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from sync_pipeline.report.readable import shown_size
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Kind, Line, Plot, Stroke

WIDTH, HEIGHT = 1000, 300
MARKS, MOST_DAYS_MARKED = 4, 5
MOST_GAPS_NAMED = 6
FARTHEST_LEVEL = 4
"""A level that is so many times above all values is said and not drawn: they would lie flat."""

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Gap:
    """Neighbouring dates without a value, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        """Return the dates."""
        return f"{self.first}" if self.first == self.last else f"{self.first} – {self.last}"


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line as a path of SVG; `number` tells lines that were measured apart."""

    name: str
    stroke: Stroke
    number: int
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot in numbers of its square, and the texts beside it, from the top and from the left."""

    lines: tuple[DrawnLine, ...]
    band: str
    level: float | None
    gaps: tuple[tuple[float, float], ...]
    heights: tuple[float, ...]
    height_texts: tuple[str, ...]
    days: tuple[date, ...]
    sentence: str
    gap_texts: tuple[str, ...]
    more_gaps: int
    level_text: str


def drawing(plot: Plot, texts: Texts, about: str) -> Drawing | None:
    """Return a plot as it is drawn; None: it has no value at all."""
    known = [(day, value) for line in plot.lines for day, value in line.points if value is not None]
    if not known:
        return None
    square = _Square.of(plot, [value for _, value in known])
    gaps = gaps_of(plot.lines[0])
    steps = range(square.marks, -1, -1)
    level = plot.level.value if plot.level else None
    return Drawing(
        lines=tuple(
            DrawnLine(line.name, line.stroke, number, square.path(line))
            for number, line in enumerate(plot.lines)
        ),
        band=square.band(plot.band),
        level=square.y(level) if level is not None and level <= square.top else None,
        gaps=tuple(square.gap(item) for item in gaps),
        heights=tuple(square.y(square.step * step) for step in steps),
        height_texts=tuple(_text(plot.kind, square.step * step) for step in steps),
        days=square.days(),
        sentence=_sentence(plot, texts, about),
        gap_texts=tuple(map(str, gaps[:MOST_GAPS_NAMED])),
        more_gaps=max(0, len(gaps) - MOST_GAPS_NAMED),
        level_text=_text(plot.kind, level) if level is not None else "",
    )


def gaps_of(line: Line) -> list[Gap]:
    """Return the dates of a line that have no value, as runs of neighbours."""
    runs = groupby(line.points, key=lambda point: point[1] is None)
    found = [[day for day, _ in run] for is_gap, run in runs if is_gap]
    return [Gap(days[0], days[-1]) for days in found]


@dataclass(frozen=True, slots=True)
class _Square:
    """Where dates and values lie: from `first` to `last`, and from 0 to `top`."""

    first: date
    last: date
    step: float
    marks: int

    @classmethod
    def of(cls, plot: Plot, values: Sequence[float]) -> _Square:
        dates = [day for line in plot.lines for day, _ in line.points]
        dates += [day for day, _, _ in plot.band]
        most = max([*values, *(high for _, _, high in plot.band)])
        if plot.level is not None and plot.level.value <= FARTHEST_LEVEL * max(most, 1):
            most = max(most, plot.level.value)
        step = _step(most)
        return cls(min(dates), max(dates), step, max(1, math.ceil(most / step)))

    @property
    def top(self) -> float:
        return self.step * self.marks

    def x(self, day: date) -> float:
        span = (self.last - self.first).days
        return round(WIDTH * (day - self.first).days / span, 1) if span else WIDTH / 2

    def y(self, value: float) -> float:
        return round(HEIGHT * (1 - max(0.0, value) / self.top), 1)

    def path(self, line: Line) -> str:
        """Return the parts of a line between its gaps; one value alone is a dot."""
        parts: list[str] = []
        for is_known, run in groupby(line.points, key=lambda point: point[1] is not None):
            if is_known:
                places = [f"{self.x(day)} {self.y(value or 0)}" for day, value in run]
                parts.append(f"M{'L'.join(places)}" if len(places) > 1 else f"M{places[0]}h0")
        return "".join(parts)

    def band(self, band: Sequence[tuple[date, float, float]]) -> str:
        if not band:
            return ""
        there = [f"{self.x(day)} {self.y(high)}" for day, _, high in band]
        back = [f"{self.x(day)} {self.y(low)}" for day, low, _ in reversed(band)]
        return f"M{'L'.join([*there, *back])}Z"

    def gap(self, gap: Gap) -> tuple[float, float]:
        """Return where a gap begins, and how wide it is: from its neighbours' dates."""
        day = timedelta(days=1)
        begin, end = (
            self.x(max(self.first, gap.first - day)),
            self.x(min(self.last, gap.last + day)),
        )
        return begin, round(end - begin, 1)

    def days(self) -> tuple[date, ...]:
        """Return dates at equal distances, the first and the last of all among them."""
        span = (self.last - self.first).days
        count = min(MOST_DAYS_MARKED, span + 1)
        if count == 1:
            return (self.first,)
        each = (self.first + timedelta(days=round(n * span / (count - 1))) for n in range(count))
        return tuple(each)


def _step(most: float) -> float:
    """Return the distance of marks: 1, 2, 2.5 or 5 times a power of ten."""
    wanted = max(most, MARKS) / MARKS
    power = 10.0 ** math.floor(math.log10(wanted))
    return next((step * power for step in _STEPS if step * power >= wanted), 10 * power)


def _text(kind: Kind, value: float) -> str:
    return shown_size(round(value)) if kind is Kind.SIZE else f"{value:,.0f}"


def _sentence(plot: Plot, texts: Texts, about: str) -> str:
    """Return in words what a plot shows, for who does not see it."""
    return " ".join(_sentences(plot, texts, about))


def _sentences(plot: Plot, texts: Texts, about: str) -> Iterator[str]:
    what = texts(f"plot.{plot.name}")
    yield texts("plot.of", what=what, about=about) if about else f"{what}."
    for line in plot.lines:
        known = [(day, value) for day, value in line.points if value is not None]
        if known:
            (first, begin), (last, end) = known[0], known[-1]
            values = [value for _, value in known]
            yield texts(
                "plot.line",
                line=texts(f"line.{line.name}"),
                first=first,
                last=last,
                begin=_text(plot.kind, begin),
                end=_text(plot.kind, end),
                least=_text(plot.kind, min(values)),
                most=_text(plot.kind, max(values)),
            )
    if plot.level is not None:
        level = texts(f"line.{plot.level.name}")
        yield texts("plot.level", line=level, value=_text(plot.kind, plot.level.value))
    count = sum(value is None for _, value in plot.lines[0].points)
    if count:
        yield texts("plot.gaps_counted", count=count)
