"""Moments and days that somebody writes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.text import shortened

FIRST_YEAR, LAST_YEAR = 1970, 2999
"""The years in which a day or a moment that somebody gives may be."""
_LONGEST = 60
_AGO = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(text: str, now: datetime | None = None) -> datetime:
    """Read an ISO 8601 date or time, or how long ago it is, such as `24h`; return it in UTC.

    Without a zone it is UTC. Minutes, hours, days and weeks count back from `now`; without, there
    is nothing to count from.

    Raises:
        ConfigurationError: it is none of these, or far from every sync.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None and now is not None:
            moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{shortened(text, _LONGEST)!r} is not a time.",
            hint="Write it as 2026-01-31T09:00:00Z"
            + ("." if now is None else ", or how long ago: 24h, 7d."),
        ) from None
    require_near(moment)
    return moment


def read_past(text: str, now: datetime) -> datetime:
    """Read the same where it is asked what was: of a time from, until or at a moment.

    Raises:
        ConfigurationError: it is none, or has not come yet.
    """
    moment = read_moment(text, now)
    require_come(moment, now)
    return moment


def require_come(moment: datetime, now: datetime) -> None:
    """Refuse a moment of which nothing can be told yet.

    Raises:
        ConfigurationError: it has not come yet.
    """
    if moment > now:
        raise ConfigurationError(
            f"{moment:%Y-%m-%d %H:%M:%S}Z has not come yet.", hint="Give a moment that is past."
        )


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
