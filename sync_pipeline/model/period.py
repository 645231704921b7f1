"""Days, weeks, months and quarters. Half-open: a period ends before its `end`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MONTHS_IN_YEAR, MONTHS_IN_QUARTER, DAYS_IN_WEEK = 12, 3, 7


class PeriodType(StrEnum):
    """The kinds of period; weeks begin on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One period of a kind, by its first day; make it with `Period.of`."""

    type: PeriodType
    start: date

    @classmethod
    def of(cls, kind: PeriodType, day: date) -> Period:
        """Return the period that a day is in."""
        if kind is PeriodType.WEEK:
            return cls(kind, day - timedelta(days=day.weekday()))
        if kind is PeriodType.MONTH:
            return cls(kind, day.replace(day=1))
        if kind is PeriodType.QUARTER:
            first = (day.month - 1) // MONTHS_IN_QUARTER * MONTHS_IN_QUARTER + 1
            return cls(kind, day.replace(month=first, day=1))
        return cls(kind, day)

    @property
    def end(self) -> date:
        """Return the first day after the period."""
        if self.type is PeriodType.DAY:
            return self.start + timedelta(days=1)
        if self.type is PeriodType.WEEK:
            return self.start + timedelta(days=DAYS_IN_WEEK)
        months = MONTHS_IN_QUARTER if self.type is PeriodType.QUARTER else 1
        return _add_months(self.start, months)

    @property
    def days(self) -> int:
        """Return how many days the period has."""
        return (self.end - self.start).days

    @property
    def next(self) -> Period:
        """Return the period that follows."""
        return Period(self.type, self.end)

    @property
    def previous(self) -> Period:
        """Return the period before."""
        return Period.of(self.type, self.start - timedelta(days=1))

    def days_until(self, today: date) -> int:
        """Return how many days of the period have come by `today`, that day included."""
        return max(0, (min(self.end, today + timedelta(days=1)) - self.start).days)

    def __str__(self) -> str:
        """Return the kind and the first day."""
        return f"{self.type} {self.start.isoformat()}"


@dataclass(frozen=True, slots=True)
class PeriodRange:
    """Neighbouring periods of one kind, `first` and `last` included.

    Raises:
        ValueError: they are of two kinds, or in the wrong order.
    """

    first: Period
    last: Period

    def __post_init__(self) -> None:
        if self.first.type is not self.last.type or self.first.start > self.last.start:
            raise ValueError(f"{self.first} to {self.last} is no range of periods")

    @classmethod
    def between(cls, kind: PeriodType, first_day: date, last_day: date) -> PeriodRange:
        """Return every period of a kind that has a day between the two, both included."""
        return cls(Period.of(kind, first_day), Period.of(kind, last_day))

    @property
    def type(self) -> PeriodType:
        """Return the kind of the periods."""
        return self.first.type

    @property
    def start(self) -> date:
        """Return the first day of all."""
        return self.first.start

    @property
    def end(self) -> date:
        """Return the first day after all."""
        return self.last.end

    @property
    def needs_from(self) -> date:
        """Return the first day whose sizes are needed: the previous period's."""
        return self.first.previous.start

    def __iter__(self) -> Iterator[Period]:
        """Yield every period, oldest first."""
        period = self.first
        while period.start <= self.last.start:
            yield period
            period = period.next

    def __str__(self) -> str:
        """Return the kind and the first days."""
        if self.first == self.last:
            return str(self.first)
        return f"{self.type} {self.first.start.isoformat()} to {self.last.start.isoformat()}"


def _add_months(start: date, months: int) -> date:
    index = start.year * MONTHS_IN_YEAR + start.month - 1 + months
    year, month = divmod(index, MONTHS_IN_YEAR)
    return start.replace(year=year, month=month + 1)
