"""When an instance that is not reached is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline import errors
from sync_pipeline.model.breaker import (
    BreakerLimits,
    Reach,
    Streak,
    next_probe_at,
    reach_of,
    wait_seconds,
)
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
counts = st.integers(1, 10_000)
limits = st.builds(
    lambda failures, first, more: BreakerLimits(failures, first, first + more),
    st.integers(1, 20),
    st.integers(1, 100_000),
    st.integers(0, 1_000_000),
)


def a_streak(failures: int, last: datetime = NOW) -> Streak:
    return Streak(1, SyncCategory.ACCOUNT, failures, last, "connect", "refused")


def test_the_defaults_wait_from_half_an_hour_to_six() -> None:
    settings = Settings()
    defaults = BreakerLimits(
        settings.breaker_failures,
        settings.breaker_first_wait_seconds,
        settings.breaker_longest_wait_seconds,
    )
    hours = [wait_seconds(failures, defaults) / 3600 for failures in range(3, 12)]
    assert hours == [0, 0, 0.5, 1, 2, 4, 6, 6, 6]


@given(counts, limits)
def test_it_opens_at_the_limit_and_not_before(failures: int, limits: BreakerLimits) -> None:
    due = next_probe_at(a_streak(failures), limits, NOW)
    assert (due is not None) == (failures >= limits.failures)


@given(counts, limits)
def test_the_wait_never_shrinks_and_never_passes_the_longest(
    failures: int, limits: BreakerLimits
) -> None:
    now, later = wait_seconds(failures, limits), wait_seconds(failures + 1, limits)
    assert now <= later <= limits.longest_wait_seconds
    assert later in (0, limits.first_wait_seconds, 2 * now, limits.longest_wait_seconds)


@given(counts, limits, st.integers(-1_000_000, 10_000_000))
def test_it_is_tried_again_when_the_wait_is_over(
    failures: int, limits: BreakerLimits, passed: int
) -> None:
    due = next_probe_at(a_streak(failures), limits, NOW + timedelta(seconds=passed))
    wait = wait_seconds(failures, limits)
    assert due == (NOW + timedelta(seconds=wait) if 0 <= passed < wait else None)


@given(counts)
def test_a_breaker_that_is_switched_off_never_opens(failures: int) -> None:
    assert next_probe_at(a_streak(failures), BreakerLimits(0, 1800, 21_600), NOW) is None


@pytest.mark.parametrize(
    ("error", "reach"),
    [
        (errors.ConnectError, Reach.NOT_REACHED),
        (errors.AuthenticationError, Reach.NOT_REACHED),
        (errors.QueryTimeout, Reach.NOT_REACHED),
        (errors.ServerLimit, Reach.REACHED),
        (errors.PrivilegeError, Reach.REACHED),
        (errors.SuspiciousSnapshot, Reach.REACHED),
        (errors.QueryError, Reach.REACHED),
        (errors.ResultLimit, Reach.REACHED),
        (errors.MemoryExhausted, Reach.NOT_REACHED),
        (errors.UnsupportedServer, Reach.REACHED),
        (errors.StoreUnavailable, Reach.UNKNOWN),
        (errors.RunDeadline, Reach.UNKNOWN),
        (errors.ConnectionLimit, Reach.UNKNOWN),
        (errors.ConfigurationError, Reach.UNKNOWN),
        (errors.SyncError, Reach.UNKNOWN),
    ],
)
def test_what_an_error_says_about_the_way_to_a_server(
    error: type[errors.SyncError], reach: Reach
) -> None:
    assert reach_of(error.kind) is reach


def test_a_completed_record_was_reached() -> None:
    assert reach_of(None) is Reach.REACHED
