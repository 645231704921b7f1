"""Moments that somebody writes, and how long ago they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.moment import read_moment, read_past

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("30m", timedelta(minutes=30)),
        ("2w", timedelta(weeks=2)),
        ("2026-11-30", timedelta(hours=8)),
        ("2026-11-30T09:00+01:00", timedelta(0)),
        ("2026-11-30T07:00:00Z", timedelta(hours=1)),
    ],
)
def test_a_moment_is_read(text: str, ago: timedelta) -> None:
    assert read_moment(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    "text",
    ["", "h", "24", "24H", "-1h", "1y", "999999w", "999999d", "٣h", "1.5h", "24h ", "0001-01-01",
     "9999-12-31", "2026-11-30T25:00", "x" * 10_000],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_moment(text, NOW)
    assert len(str(refused.value)) < 300


def test_nothing_is_counted_from_nowhere() -> None:
    with pytest.raises(ConfigurationError):
        read_moment("24h")


@pytest.mark.parametrize("text", ["2026-11-30T08:00:01Z", "2026-12-01", "2999-01-01"])
def test_what_has_not_come_is_no_past(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"has not come yet\. Give a moment that is past"):
        read_past(text, NOW)


@pytest.mark.parametrize("text", ["2026-11-30T08:00:00Z", "0m", "1970-01-01"])
def test_what_has_come_is_past(text: str) -> None:
    assert read_past(text, NOW) <= NOW
