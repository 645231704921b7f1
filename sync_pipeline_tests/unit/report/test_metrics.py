"""The exposition is what Prometheus reads, whatever instances are called."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.model.freshness import FreshnessCheck
from sync_pipeline.model.metrics import (
    DURATION_BUCKETS,
    FleetMetrics,
    InstanceMetrics,
    PhaseTimes,
    RecordCount,
    SessionCount,
)
from sync_pipeline.model.session import (
    RecordStatus,
    Session,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.report.metrics import render_down, render_metrics

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT, CAPACITY = SyncCategory.ACCOUNT, SyncCategory.CAPACITY
LABELS = {
    "instance", "engine", "environment", "category", "status", "kind", "phase", "channel", "le",
}  # fmt: skip
BASE_UNITS = ("seconds", "bytes", "ratio")
OTHER_UNITS = r"_(ms|milliseconds|minutes|hours|days|kb|mb|gb|kilobytes|percent)(_|$)"


def a_session(**fields: object) -> Session:
    values: dict[str, object] = {
        "session_id": "s",
        "sync_type": SyncType.SCHEDULED_TASK,
        "category": ACCOUNT,
        "status": SessionStatus.FAILED,
        "started_at": NOW - timedelta(seconds=90),
        "completed_at": NOW - timedelta(seconds=30),
        "total": 10,
        "successful": 6,
        "failed": 1,
        "skipped": 2,
        "cancelled": 1,
        "job_name": "account_sync",
        "run_id": "s",
    }
    return Session(**{**values, **fields})  # type: ignore[arg-type]


EVERYTHING = FleetMetrics(
    gathered_at=NOW,
    sessions=(
        SessionCount(ACCOUNT, SessionStatus.FAILED, 3),
        SessionCount(ACCOUNT, SessionStatus.RUNNING, 1),
    ),
    newest=(a_session(status=SessionStatus.RUNNING, completed_at=None),),
    ended=(a_session(),),
    records=(
        RecordCount(ACCOUNT, RecordStatus.COMPLETED, None, 5),
        RecordCount(ACCOUNT, RecordStatus.FAILED, "connect", 2),
        RecordCount(ACCOUNT, RecordStatus.CANCELLED, None, 1),
        RecordCount(ACCOUNT, RecordStatus.SKIPPED, "breaker", 1),
        RecordCount(ACCOUNT, RecordStatus.PENDING, None, 1),
    ),
    phases=(PhaseTimes(ACCOUNT, "collect", tuple(range(1, len(DURATION_BUCKETS) + 1)), 14, 99.5),),
    changes={"add": 4, "remove": 1},
    instances=(
        InstanceMetrics(
            'odd "name"\\\n数',
            "mysql",
            "",
            NOW - timedelta(hours=2),
            {ACCOUNT: NOW - timedelta(minutes=5), CAPACITY: None},
            frozenset({CAPACITY}),
            12345,
        ),
        InstanceMetrics("b", "oracle", "production", NOW, {ACCOUNT: None, CAPACITY: None}),
    ),
    checks=(FreshnessCheck(ACCOUNT, timedelta(minutes=90), NOW - timedelta(seconds=10)),),
    undelivered={"slack": 7},
    alert_failures={"slack": 2},
    waiting_events=5,
)


def parsed(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(name: str, found: FleetMetrics = EVERYTHING) -> dict[tuple[str, ...], float]:
    """Return the samples of a metric, by the values of their labels in order of the labels."""
    family = parsed(render_metrics(found))[f"sync_pipeline_{name}"]
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in family.samples
    }


def test_each_metric_says_in_a_sentence_what_it_is() -> None:
    told = [family.documentation for family in parsed(render_metrics(EVERYTHING)).values()]
    assert len(told) == len(set(told))
    for text in told:
        assert re.fullmatch(r"[A-Z01][^\n]{10,98}\.", text), text


def test_sessions() -> None:
    counts = values("sessions")
    assert len(counts) == len(CATEGORIES) * len(SessionStatus)
    assert {key: value for key, value in counts.items() if value} == {
        ("account", "failed"): 3,
        ("account", "running"): 1,
    }
    assert values("sessions_unfinished") == {
        ("account",): 1,
        ("capacity",): 0,
        ("aggregation",): 0,
    }
    assert values("last_session_status") == {
        ("account", "completed"): 0,
        ("account", "failed"): 1,
        ("account", "cancelled"): 0,
    }
    assert values("last_session_end_timestamp_seconds") == {("account",): NOW.timestamp() - 30}
    assert values("last_session_duration_seconds") == {("account",): 60}
    assert values("last_session_success_ratio") == {("account",): 0.75}


def test_records() -> None:
    assert values("session_records") == {
        ("account", "pending"): 1,
        ("account", "running"): 0,
        ("account", "completed"): 5,
        ("account", "failed"): 2,
        ("account", "cancelled"): 1,
        ("account", "skipped"): 1,
    }
    assert values("session_records_ended_ratio") == {("account",): 0.9}
    assert values("session_failures") == {("account", "connect"): 2, ("account", "unknown"): 1}
    assert values("session_skips") == {("account", "breaker"): 1}
    assert values("account_changes") == {("add",): 4, ("remove",): 1}


def test_durations_are_a_histogram() -> None:
    family = parsed(render_metrics(EVERYTHING))["sync_pipeline_phase_duration_seconds"]
    assert family.type == "histogram"
    buckets = {item.labels["le"]: item.value for item in family.samples if "le" in item.labels}
    assert buckets == {
        **{str(bound): number for number, bound in enumerate(DURATION_BUCKETS, 1)},
        "+Inf": 14,
    }
    rest = {item.name.rpartition("_")[2]: item.value for item in family.samples[len(buckets) :]}
    assert rest == {"count": 14, "sum": 99.5}


def test_instances() -> None:
    odd = 'odd "name"\\\n数'
    own = ("mysql", "", odd)
    assert values("instance_last_success_timestamp_seconds") == {
        ("account", *own): NOW.timestamp() - 300,
        ("capacity", *own): 0,
        ("account", "oracle", "production", "b"): 0,
        ("capacity", "oracle", "production", "b"): 0,
    }
    ages = values("instance_sync_age_seconds")
    assert (ages["account", *own], ages["capacity", *own]) == (300, 7200)
    assert ages["account", "oracle", "production", "b"] == 0
    stale = values("instance_is_stale")
    assert [key for key, value in stale.items() if value] == [("capacity", *own)]
    assert len(stale) == 4
    assert values("instance_size_bytes") == {own: 12345}
    assert values("instances") == {(): 2}


def test_freshness_and_itself() -> None:
    assert values("freshness_checked_timestamp_seconds") == {("account",): NOW.timestamp() - 10}
    assert values("freshness_limit_seconds") == {("account",): 5400}
    assert values("alerts_undelivered") == {("slack",): 7}
    assert values("alerts_failures") == {("slack",): 2}
    assert values("events_waiting") == {(): 5}
    assert values("gathered_timestamp_seconds") == {(): NOW.timestamp()}
    assert values("up") == {(): 1}


def test_a_fleet_of_nothing_divides_by_nothing() -> None:
    empty = a_session(total=0, successful=0, failed=0, skipped=0, cancelled=0)
    found = FleetMetrics(NOW, newest=(empty,), ended=(empty,))
    assert values("last_session_success_ratio", found) == {}
    assert values("session_records_ended_ratio", found) == {}
    assert values("up", FleetMetrics(NOW)) == {(): 1}


def test_names_keep_the_conventions() -> None:
    """What `promtool check metrics` asks for, and that labels are bounded."""
    text = render_metrics(EVERYTHING)
    helps = re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE)
    types = dict(re.findall(r"^# TYPE (\S+) (.+)$", text, re.MULTILINE))
    names = [name for name, _ in helps]
    assert len(set(names)) == len(names) == len(types)
    for name, kind in types.items():
        assert re.fullmatch(r"sync_pipeline_[a-z]+(_[a-z]+)*", name), name
        assert kind in ("gauge", "histogram")
        assert not re.search(r"_(total|count|sum|bucket|info|gauge|histogram)$", name), name
        assert not re.search(OTHER_UNITS, name), name
        units = [unit for unit in BASE_UNITS if f"_{unit}" in name]
        assert all(name.endswith(unit) for unit in units), name
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert set(sample.labels) <= LABELS
            assert sample.timestamp is None


@pytest.mark.parametrize("reason", ["The store is away.", "two\nlines\r\n# HELP x"])
def test_a_store_that_is_away_is_one_line_and_a_zero(reason: str) -> None:
    text = render_down(reason)
    assert text.count("\n") == 4
    families = parsed(text)
    assert list(families) == ["sync_pipeline_up"]
    assert families["sync_pipeline_up"].samples[0].value == 0


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), unique=True))
def test_any_name_is_read_back(names: list[str]) -> None:
    found = FleetMetrics(
        NOW,
        instances=tuple(
            InstanceMetrics(name, "mysql", name, NOW, {ACCOUNT: NOW}, total_bytes=number)
            for number, name in enumerate(names)
        ),
    )
    sizes = values("instance_size_bytes", found)
    assert sizes == {("mysql", name, name): number for number, name in enumerate(names)}
