"""When a route tells, through digests, quiet hours and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.route import ChannelKind, QuietHours, Rhythm, Route, Timing
from sync_pipeline.notify.timing import due_at, is_always_quiet, next_telling, times_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]
NIGHT = QuietHours(22 * 60, 7 * 60)
WEEKEND = QuietHours(0, 1440, frozenset({5, 6}))

zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.integers(0, 2 * 365 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
clock = st.times().map(lambda found: time(found.hour, found.minute))
timings = st.builds(Timing, st.sampled_from(Rhythm), clock, st.integers(0, 6))
quiet = st.lists(
    st.builds(
        QuietHours,
        st.integers(0, 1439),
        st.integers(1, 1440),
        st.frozensets(st.integers(0, 6), min_size=1),
    ).filter(lambda hours: hours.begins != hours.ends),
    max_size=3,
).map(tuple)


def route(timing: Timing = Timing(), *hours: QuietHours) -> Route:  # noqa: B008 - it is frozen
    return Route("ops", ChannelKind.SLACK, timing=timing, quiet=hours)


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def is_quiet(hours: QuietHours, moment: datetime, zone: ZoneInfo) -> bool:
    """Return it by the clock on the wall, minute by minute, without any arithmetic of instants."""
    here = moment.astimezone(zone)
    minute = here.hour * 60 + here.minute
    begun_today = here.weekday() in hours.days
    begun_yesterday = (here.weekday() - 1) % 7 in hours.days
    if hours.ends > hours.begins:
        return begun_today and hours.begins <= minute < hours.ends
    late = begun_today and minute >= hours.begins
    return late or (begun_yesterday and minute < hours.ends)


@given(timings, moments, zones)
def test_a_digest_is_the_next_time_by_the_clock(
    timing: Timing, moment: datetime, zone: ZoneInfo
) -> None:
    found = next_telling(timing, moment, zone)
    assert found >= moment
    longest = {
        Rhythm.AT_ONCE: timedelta(),
        Rhythm.HOURLY: timedelta(hours=2),
        Rhythm.DAILY: timedelta(hours=26),
        Rhythm.WEEKLY: timedelta(days=7, hours=2),
    }
    assert found - moment <= longest[timing.rhythm]
    here = found.astimezone(zone)
    if timing.rhythm is Rhythm.WEEKLY:
        assert here.weekday() == timing.weekday
    if timing.rhythm in (Rhythm.DAILY, Rhythm.WEEKLY):
        was_left_out = here.replace(tzinfo=None) - datetime.combine(here.date(), timing.at)
        assert was_left_out in (timedelta(), timedelta(hours=1), timedelta(minutes=30))
    # What is told then is told then: it is no later digest.
    assert next_telling(timing, found, zone) == found


@given(timings, moments, st.integers(0, 10_000), zones, quiet)
def test_what_happened_later_is_not_told_before(
    timing: Timing, moment: datetime, minutes: int, zone: ZoneInfo, hours: tuple[QuietHours, ...]
) -> None:
    if is_always_quiet(hours):
        return
    asked = route(timing, *hours)
    later = moment + timedelta(minutes=minutes)
    assert moment <= due_at(asked, moment, zone) <= due_at(asked, later, zone)


@given(moments, quiet)
def test_nothing_is_told_in_quiet_hours(moment: datetime, hours: tuple[QuietHours, ...]) -> None:
    if is_always_quiet(hours):
        return
    zone = ZoneInfo("UTC")
    found = due_at(route(Timing(), *hours), moment, zone)
    assert not any(is_quiet(item, found, zone) for item in hours)
    if not any(is_quiet(item, moment, zone) for item in hours):
        assert found == moment


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-03-27T21:59", "2026-03-27T21:59"),  # Friday
        ("2026-03-27T22:00", "2026-03-30T07:00"),  # into the weekend, in which the clocks change
        ("2026-03-28T12:00", "2026-03-30T07:00"),
        ("2026-03-30T06:59", "2026-03-30T07:00"),
        ("2026-03-30T07:00", "2026-03-30T07:00"),
    ],
)
def test_quiet_hours_that_meet_are_one_silence(moment: str, due: str) -> None:
    assert due_at(route(Timing(), NIGHT, WEEKEND), local(moment), BERLIN) == local(due)


def test_a_digest_of_a_quiet_time_waits_for_its_end() -> None:
    asked = route(Timing(Rhythm.DAILY, time(6)), NIGHT)
    assert due_at(asked, local("2026-03-10T12:00"), BERLIN) == local("2026-03-11T07:00")


@pytest.mark.parametrize(
    ("timing", "moment", "due"),
    [
        # 02:30 is left out on 29 March, and comes twice on 25 October.
        (Timing(Rhythm.DAILY, time(2, 30)), "2026-03-29T01:00", "2026-03-29T03:30"),
        (Timing(Rhythm.DAILY, time(2, 30)), "2026-03-29T04:00", "2026-03-30T02:30"),
        (Timing(Rhythm.DAILY, time(2, 30)), "2026-10-25T01:00", "2026-10-25T02:30"),
        (Timing(Rhythm.DAILY, time(2, 30)), "2026-10-25T03:00", "2026-10-26T02:30"),
        (Timing(Rhythm.WEEKLY, time(8), 0), "2026-03-23T08:01", "2026-03-30T08:00"),
        (Timing(Rhythm.WEEKLY, time(8), 0), "2026-03-30T08:00", "2026-03-30T08:00"),
        (Timing(Rhythm.HOURLY), "2026-03-29T01:20", "2026-03-29T03:00"),
    ],
)
def test_changes_of_the_clocks(timing: Timing, moment: str, due: str) -> None:
    assert next_telling(timing, local(moment), BERLIN) == local(due)


def test_an_hour_is_one_of_the_zone() -> None:
    zone = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead
    found = next_telling(Timing(Rhythm.HOURLY), datetime(2026, 3, 1, 12, 20, tzinfo=UTC), zone)
    assert found == datetime(2026, 3, 1, 13, 15, tzinfo=UTC)


def test_a_week_without_an_hour_is_known() -> None:
    assert is_always_quiet([QuietHours(0, 1440)])
    assert is_always_quiet([QuietHours(600, 599), QuietHours(599, 600)])
    assert not is_always_quiet([QuietHours(600, 599)])
    assert not is_always_quiet([])


def test_the_quiet_hours_before_those_of_now() -> None:
    ours = route(Timing(), QuietHours(12 * 60, 13 * 60), NIGHT)

    def before(hour: int) -> tuple[int, ...] | None:
        found = times_of(ours, datetime(2026, 3, 4, hour, 30, tzinfo=UTC), ZoneInfo("UTC"))
        return found.last_quiet and tuple(item.day * 100 + item.hour for item in found.last_quiet)

    assert before(3) == (312, 313)
    assert before(12) == (322, 407)
    assert before(23) == (412, 413)
    assert before(9) is None
