"""Periods equal those of pandas, whatever the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.orchestration.partitions import partitions_of
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dates import date_of
from sync_pipeline.workflows.syncing.aggregation import chosen_range
from workbench.strategies.aggregation_oracle import bounds

DAYS = st.dates(date(1970, 1, 1), date(2200, 12, 31))
KINDS = st.sampled_from(PeriodType)


@given(KINDS, DAYS)
def test_bounds_are_those_of_pandas(kind: PeriodType, day: date) -> None:
    period = Period.of(kind, day)
    assert (period.start, period.end) == bounds(str(kind), day)
    assert period.start <= day < period.end
    assert period.days == (period.end - period.start).days


@given(KINDS, DAYS)
def test_neighbours_touch(kind: PeriodType, day: date) -> None:
    period = Period.of(kind, day)
    assert period.next.start == period.end
    assert period.previous.end == period.start
    assert period.next.previous == period == period.previous.next


@given(KINDS, DAYS, st.integers(0, 900))
def test_a_range_has_every_day_once(kind: PeriodType, first: date, days: int) -> None:
    last = first + timedelta(days=days)
    periods = list(PeriodRange.between(kind, first, last))
    assert periods[0].start <= first
    assert last < periods[-1].end
    assert all(one.end == two.start for one, two in pairwise(periods))


@given(KINDS, DAYS, st.integers(-400, 400))
def test_elapsed_days(kind: PeriodType, day: date, offset: int) -> None:
    period, today = Period.of(kind, day), day + timedelta(days=offset)
    present = [period.start + timedelta(days=n) for n in range(period.days)]
    assert period.days_until(today) == sum(item <= today for item in present)


def test_iso_week_53_and_the_year_after() -> None:
    assert Period.of(PeriodType.WEEK, date(2021, 1, 3)).start == date(2020, 12, 28)
    assert Period.of(PeriodType.WEEK, date(2024, 12, 31)).end == date(2025, 1, 6)


def test_two_kinds_are_no_range() -> None:
    day, week = Period.of(PeriodType.DAY, date.min), Period.of(PeriodType.WEEK, date(2026, 1, 1))
    with pytest.raises(ValueError, match="no range"):
        PeriodRange(day, week)
    with pytest.raises(ValueError, match="no range"):
        PeriodRange(week, week.previous)


def test_a_chosen_range_ends_with_the_running_period() -> None:
    now = date(2026, 5, 20)
    chosen = chosen_range(PeriodType.MONTH, date(2026, 4, 30), date(2027, 1, 1), now)
    assert [item.start for item in chosen] == [date(2026, 4, 1), date(2026, 5, 1)]
    for first, last in ((date(2026, 3, 2), date(2026, 3, 1)), (date(2026, 6, 1), date(2026, 6, 2))):
        with pytest.raises(ConfigurationError):
            chosen_range(PeriodType.MONTH, first, last, now)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
@given(seconds=st.integers(0, 4_000_000_000))
def test_a_date_is_that_of_the_fleets_time_zone(zone: str, seconds: int) -> None:
    """On both sides of UTC, and over changes to and from summer time."""
    moment = datetime.fromtimestamp(seconds, UTC)
    expected = pd.Timestamp(moment).tz_convert(zone).date()
    assert date_of(moment, Settings(time_zone=zone)) == expected


@pytest.mark.parametrize("kind", list(PeriodType))
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Lord_Howe"])
def test_partitions_of_dagster_are_our_periods(kind: PeriodType, zone: str) -> None:
    """Also over the changes to and from summer time."""
    settings = Settings(time_zone=zone, first_period=date(2023, 2, 15))
    now = datetime(2026, 1, 20, 12, tzinfo=UTC)
    keys = partitions_of(kind, settings).get_partition_keys(now)
    expected = PeriodRange.between(kind, date(2023, 2, 15), date(2026, 1, 20))
    assert keys == [item.start.isoformat() for item in expected]
