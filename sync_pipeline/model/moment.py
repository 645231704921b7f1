"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sync_pipeline.errors import ConfigurationError

FIRST_YEAR, LAST_YEAR = 1970, 2999
"""The years in which a day or a moment that somebody gives may be."""


def read_moment(text: str) -> datetime:
    """Read an ISO 8601 date or time and return it in UTC; without a zone it is UTC.

    Raises:
        ConfigurationError: it is neither, or far from every sync.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{text!r} is not a time.", hint="Write it as 2026-01-31T09:00:00Z."
        ) from None
    require_near(moment)
    return moment


def require_near(day: date) -> None:
    """Refuse a day that is far from every sync: nothing can be counted from it.

    Raises:
        ConfigurationError: it is before FIRST_YEAR or after LAST_YEAR.
    """
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ConfigurationError(
            f"{day:%Y-%m-%d} is out of range.",
            hint=f"Give a day from {FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31.",
        )
