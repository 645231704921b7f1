"""When a route tells what happened at a moment. Pure.

Times of the day are the fleet's. One that a change of the clocks leaves out (02:30 in March) is
an hour later by the clock, one that comes twice is the first of the two (PEP 495, `fold`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync_pipeline.model.route import QuietHours, Rhythm, Route, RouteTimes, Timing

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_DAYS_OF_WEEK = 7
_MINUTES_OF_DAY = 1440


def due_at(route: Route, moment: datetime, zone: ZoneInfo) -> datetime:
    """Return when (UTC) a route tells what happened at a moment (UTC), at the earliest."""
    return _after_quiet(route.quiet, next_telling(route.timing, moment, zone), zone)


def times_of(route: Route, now: datetime, zone: ZoneInfo) -> RouteTimes:
    """Return when (UTC) a route tells what has happened by now: as `due_at`, but for delays."""
    tells_from = _after_quiet(route.quiet, now, zone)
    last_quiet = _last_quiet(route.quiet, now, zone) if tells_from > now else None
    return RouteTimes(route.name, tells_from, due_at(route, now, zone), last_quiet)


def _last_quiet(
    quiet: Sequence[QuietHours], now: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime] | None:
    """Return the quiet hours that were over last, with all that follow one another as one."""
    today = now.astimezone(zone).date()
    days = [today - back * _DAY for back in range(2 * _DAYS_OF_WEEK)]
    ended: tuple[datetime, datetime] | None = None
    span: tuple[datetime, datetime] | None = None
    spans = (span for day in days for span in _spans(quiet, day, zone))
    for begin, end in sorted(one for one in spans if one[0] <= now):
        if span is not None and begin <= span[1]:
            span = span[0], max(span[1], end)
        else:
            ended, span = span, (begin, end)
    return ended if span is None or span[1] > now else span


def _after_quiet(quiet: Sequence[QuietHours], moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment, or the end of the quiet hours that it is in."""
    found = moment
    # Quiet hours may follow one another; a route that is always quiet can't be written.
    for _ in range(2 * _DAYS_OF_WEEK * max(1, len(quiet))):
        end = _quiet_until(quiet, found, zone)
        if end is None:
            break
        found = end
    return found


def next_telling(timing: Timing, moment: datetime, zone: ZoneInfo) -> datetime:
    """Return when (UTC) a timing tells what happened at a moment: at it, or later."""
    if timing.rhythm is Rhythm.AT_ONCE:
        return moment
    if timing.rhythm is Rhythm.HOURLY:
        return _next_hour(moment, zone)
    day = moment.astimezone(zone).date()
    step = _DAY
    if timing.rhythm is Rhythm.WEEKLY:
        day += timedelta(days=(timing.weekday - day.weekday()) % _DAYS_OF_WEEK)
        step = _WEEK
    found = _instant(day, timing.at, zone)
    while found < moment:
        day += step
        found = _instant(day, timing.at, zone)
    return found


def is_always_quiet(quiet: Iterable[QuietHours]) -> bool:
    """Return whether no minute of the week is left in which a route may tell."""
    week = [False] * (_MINUTES_OF_DAY * _DAYS_OF_WEEK)
    for hours in quiet:
        length = _length(hours)
        for day in hours.days:
            first = day * _MINUTES_OF_DAY + hours.begins
            for minute in range(first, first + length):
                week[minute % len(week)] = True
    return all(week)


def _next_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the next full hour by the clock: of zones that are half an hour off, too."""
    found = moment
    while past := _past_hour(found.astimezone(zone)):
        # Twice where the clocks change by half an hour in between.
        found += timedelta(hours=1) - past
    return found


def _past_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _quiet_until(quiet: Iterable[QuietHours], moment: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the latest end of the quiet hours that a moment is in; None: it is in none."""
    today = moment.astimezone(zone).date()
    spans = [span for day in (today - _DAY, today) for span in _spans(quiet, day, zone)]
    ends = [end for begin, end in spans if begin <= moment < end]
    return max(ends, default=None)


def _spans(
    quiet: Iterable[QuietHours], day: date, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """Yield begin and end of the quiet hours that begin on a day."""
    for hours in quiet:
        if day.weekday() in hours.days:
            end = _minute(day, hours.begins + _length(hours), zone)
            yield _minute(day, hours.begins, zone), end


def _length(hours: QuietHours) -> int:
    """Return how many minutes quiet hours last by the clock."""
    return (
        hours.ends - hours.begins
        if hours.ends > hours.begins
        else (hours.ends - hours.begins + _MINUTES_OF_DAY)
    )


def _minute(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minutes, _MINUTES_OF_DAY)
    return _instant(day + timedelta(days=days), time(rest // 60, rest % 60), zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
