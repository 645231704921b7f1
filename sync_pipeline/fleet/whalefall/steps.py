"""How a WhaleFall store is walked through: in steps of bounded size, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.texts import EARLIEST, LATEST
from sync_pipeline.model.imported import ImportedRow, Tally
from sync_pipeline.model.period import Period, PeriodType

NOT_TAKEN_INSTANCE = "its instance was not taken"
NO_DATE = "its date is none"
NO_NAME = "it has no name"
LONG_NAME = "its name is too long"
TIME_ZONE = "Asia/Shanghai"
"""Of the days of a WhaleFall store, whatever its server's is."""
LONGEST_HERE = 500
"""Characters of a name: what an index of PostgreSQL holds has less than 2,704 bytes."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is taken: rows of these instances (number there: id here), from these days on.

    `engines` are theirs, by number. `today` is the first day that is not over.
    """

    instance_ids: Mapping[int, int]
    engines: Mapping[int, str]
    today: date
    sizes_from: date
    sessions_from: datetime
    changes_from: datetime

    @property
    def until(self) -> datetime:
        """Return the moment (UTC) after which nothing has happened, whatever the time zone."""
        return datetime.combine(self.today, time(), UTC) + timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Step:
    """Some rows, the place after which the next step begins, and what was not taken."""

    rows: Sequence[ImportedRow]
    place: tuple[str | int, ...]
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Window:
    """A month of one instance in a table, and how many rows it has."""

    instance_id: int
    month: date | None
    rows: int


def bad_name(name: str) -> str:
    """Return why a row of this name can't be taken, or nothing."""
    if not name:
        return NO_NAME
    return LONG_NAME if len(name) > LONGEST_HERE else ""


def windows(store: WhaleFall, table: str, column: str) -> list[Window]:
    """Return the months of each instance in a table, in their order: one look at all of it."""
    query = f"""
        SELECT coalesce(instance_id, 0) AS instance_id,
            CASE WHEN {column} BETWEEN '{EARLIEST}' AND '{LATEST}'
            THEN date_trunc('month', {column})::date END AS month, count(*) AS rows
        FROM public.{table} GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST
    """  # noqa: S608 - names of ours
    return store.rows(Window, query, {})


def to_read(
    found: Sequence[Window], place: tuple[str | int, ...], scope: Scope
) -> Iterator[tuple[Window, Tally]]:
    """Yield the windows from a place on, each with what is not taken of it as a whole.

    Of one that can't be taken there is nothing to read: its instance was not, or it has no date.
    """
    for window in found:
        own = place_of(window)
        if place and (own < tuple(place[:2]) or own == place):
            continue
        tally = Tally()
        if window.instance_id not in scope.instance_ids:
            tally.leave(NOT_TAKEN_INSTANCE, str(window.instance_id), window.rows)
        elif window.month is None:
            tally.leave(NO_DATE, str(window.instance_id), window.rows)
        yield window, tally


def place_of(window: Window, *more: str | int) -> tuple[str | int, ...]:
    """Return the place within a window; without `more`, that of one that is passed over."""
    return window.instance_id, _text(window.month), *more


def bounds(window: Window) -> dict[str, Any]:
    """Return the parameters of a question for a window."""
    month = Period.of(PeriodType.MONTH, window.month or EARLIEST)
    return {"instance": window.instance_id, "first": month.start, "end": month.end}


def _text(month: date | None) -> str:
    return month.isoformat() if month else ""
