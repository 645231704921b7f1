"""Numbers of bytes for people, and days for plots: the same in tables, pages and the report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TypeVar

ValueT = TypeVar("ValueT")


def shown_size(count: int | None) -> str:
    """Return a number of bytes for people; empty where it is not known."""
    from rich import filesize  # noqa: PLC0415 - not for every command

    if count is None:
        return ""
    return f"-{filesize.decimal(-count)}" if count < 0 else filesize.decimal(count)


def every_day(values: Mapping[date, ValueT]) -> list[tuple[date, ValueT | None]]:
    """Return a value for each day from the first to the last of some; None for those between."""
    if not values:
        return []
    first, last = min(values), max(values)
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [(day, values.get(day)) for day in days]
