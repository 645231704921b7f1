"""Aggregations computed the plain way, day by day, with nothing of ours but the records.

It knows periods from pandas and numbers from Python's fractions, so that an error would
have to be made twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from math import floor

import pandas as pd

from workbench.strategies.sizes import History

FREQUENCIES = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q-DEC"}
VALUES = ("total", "data", "log")


@dataclass(frozen=True)
class Row:
    """One aggregation as plain values; `numbers` are the statistics by value."""

    database: str
    start: date
    end: date
    data_count: int
    expected_count: int
    trend: str | None
    numbers: tuple[tuple[object, ...], ...]
    database_count: int | None = None
    database_count_change: int | None = None


@cache
def bounds(kind: str, day: date) -> tuple[date, date]:
    """Return the first day of a day's period, and the first day after it."""
    period = pd.Period(pd.Timestamp(day), freq=FREQUENCIES[kind])
    return period.start_time.date(), period.end_time.date() + timedelta(days=1)


def _known(history: History, database: str, value: str, day: date) -> int | None:
    """Return a value of a day; of the instance where `database` is empty."""
    index = VALUES.index(value)
    found = history.days[day]
    if database:
        return found[database][index].bytes
    if not found:
        return None
    numbers = [measures[index].bytes for measures in found.values()]
    return None if any(number is None for number in numbers) else sum(n or 0 for n in numbers)


def _days_of(history: History, database: str, start: date, end: date) -> list[date]:
    return [
        day
        for day in sorted(history.days)
        if start <= day < end and (not database or database in history.days[day])
    ]


def _figures(
    history: History, database: str, value: str, start: date, end: date
) -> tuple[int | None, ...]:
    known = [
        number
        for day in _days_of(history, database, start, end)
        if (number := _known(history, database, value, day)) is not None
    ]
    if not known:
        return (None,) * 5
    mean = floor(Fraction(sum(known), len(known)) + Fraction(1, 2))
    return (mean, min(known), max(known), known[0], known[-1])


def _percent(now: int | None, before: int | None) -> float | None:
    if now is None or not before:
        return None
    return float(now - before) * 100.0 / float(before)


def aggregate(
    history: History, kind: str, first: date, last: date, trend_percent: float
) -> list[Row]:
    """Return the rows that the periods of the days from `first` to `last` must have."""
    names = sorted({name for found in history.days.values() for name in found})
    rows: list[Row] = []
    start = bounds(kind, first)[0]
    while start <= last:
        end = bounds(kind, start)[1]
        rows += [
            row
            for name in ("", *names)
            if (row := _row(history, kind, name, start, end, trend_percent)) is not None
        ]
        start = end
    return rows


def _row(
    history: History, kind: str, database: str, start: date, end: date, trend_percent: float
) -> Row | None:
    present = _days_of(history, database, start, end)
    if not present:
        return None
    before_start = bounds(kind, start - timedelta(days=1))[0]
    numbers = []
    for value in VALUES:
        now = _figures(history, database, value, start, end)
        before = _figures(history, database, value, before_start, start)
        change = None if now[0] is None or before[0] is None else now[0] - before[0]
        numbers.append((*now, change, _percent(now[0], before[0]), _percent(now[4], before[4])))
    percent = numbers[0][6]
    elapsed = max(0, (min(end, history.today + timedelta(days=1)) - start).days)
    absent = len(_days_of(history, "", start, end)) - len(present)
    trend = None
    if isinstance(percent, float):
        trend = (
            "growing"
            if percent >= trend_percent
            else "shrinking"
            if percent <= -trend_percent
            else "stable"
        )
    count = change_of_count = None
    if not database:
        count = len(history.days[present[-1]])
        earlier = _days_of(history, "", before_start, start)
        change_of_count = count - len(history.days[earlier[-1]]) if earlier else None
    return Row(
        database=database,
        start=start,
        end=end,
        data_count=sum(_known(history, database, "total", day) is not None for day in present),
        expected_count=elapsed - absent,
        trend=trend,
        numbers=tuple(numbers),
        database_count=count,
        database_count_change=change_of_count,
    )
