"""The metrics in Prometheus' text format.

Nearly everything is a gauge, because it can be computed again: counts are those of what
the store holds or of one session, and fall when a smaller one follows. What came and went of
findings is counted as it happens, and only grows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import replaced
from sync_pipeline.model.daemon_lease import PROCESSES, DaemonLease
from sync_pipeline.model.metrics import (
    DURATION_BUCKETS,
    FleetMetrics,
    InstanceMetrics,
    RecordCount,
)
from sync_pipeline.model.session import RecordStatus, Session, SessionStatus, SyncCategory
from sync_pipeline.report.finding_metrics import finding_families

INSTANCE = ("instance", "engine", "environment")
PREFIX = "sync_pipeline_"
BESIDE_IS_NOW = timedelta(minutes=5)
LabelsT = TypeVar("LabelsT", bound=tuple[str, ...])


def render_metrics(found: FleetMetrics) -> str:
    """Return the exposition of a fleet."""
    return _render(
        [
            *_sessions(found),
            *_last_sessions(found.ended),
            *_records(found),
            *_work(found),
            *_instances(found.instances, found.gathered_at),
            *_freshness(found),
            *_daemon(found.daemon, found.gathered_at),
            *finding_families(found.findings, found.gathered_at),
            _gauge("gathered_timestamp_seconds", "When these metrics were read.", _unix(found)),
            _gauge("up", "Whether the store could be read.", 1),
        ]
    )


def render_down(reason: str) -> str:
    """Return the exposition of a store that can't be read: one line says why."""
    up = _render([_gauge("up", "Whether the store could be read.", 0)])
    return f"# {' '.join(reason.split())}\n{up}"


def write_metrics(text: str, output: Path) -> None:
    """Write an exposition, whole or not at all, for node_exporter's textfile collector.

    Not by prometheus_client's own writer, whose partial file another user can guess: ADR 0037.

    Raises:
        ConfigurationError: the file can't be written.
    """
    try:
        # The collector reads every *.prom of the directory; the file that is not done is none.
        with replaced(output) as file:
            file.write(text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror or error}.",
            hint="Choose another file with --textfile.",
        ) from None


class _Families(Collector):
    """What `generate_latest` asks for its metrics."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._families


def _render(families: Iterable[Metric]) -> str:
    return generate_latest(_Families(families)).decode()


def _sessions(found: FleetMetrics) -> Iterator[Metric]:
    counts = {(item.category, item.status): item.sessions for item in found.sessions}
    yield _labelled(
        "sessions",
        "Sessions that the store holds, by status.",
        ("category", "status"),
        {
            (category, status): counts.get((category, status), 0)
            for category in map(SyncCategory, CATEGORIES)
            for status in SessionStatus
        },
    )
    yield _labelled(
        "sessions_unfinished",
        "Sessions that have not ended.",
        ("category",),
        {
            (category,): sum(
                counts.get((category, status), 0)
                for status in SessionStatus
                if not status.is_terminal
            )
            for category in map(SyncCategory, CATEGORIES)
        },
    )


def _last_sessions(ended: Iterable[Session]) -> Iterator[Metric]:
    yield _labelled(
        "last_session_status",
        "1 for the status of the session that ended last, 0 for the others.",
        ("category", "status"),
        {
            (item.category, status): item.status is status
            for item in ended
            for status in SessionStatus
            if status.is_terminal
        },
    )
    times = {(item.category,): item for item in ended}
    yield _labelled(
        "last_session_end_timestamp_seconds",
        "When the last session ended.",
        ("category",),
        {key: _seconds(item.completed_at) for key, item in times.items()},
    )
    yield _labelled(
        "last_session_duration_seconds",
        "How long the session that ended last took.",
        ("category",),
        {
            key: _seconds(item.completed_at) - _seconds(item.started_at)
            for key, item in times.items()
        },
    )
    yield _labelled(
        "last_session_success_ratio",
        "Share of its instances that the session that ended last completed; skipped ones left out.",
        ("category",),
        {key: item.successful / tried for key, item in times.items() if (tried := _tried(item))},
    )


def _records(found: FleetMetrics) -> Iterator[Metric]:
    categories = [session.category for session in found.newest]
    by_status = dict.fromkeys(((one, status) for one in categories for status in RecordStatus), 0)
    for item in found.records:
        by_status[item.category, item.status] += item.records
    yield _labelled(
        "session_records",
        "Records of the session that began last, by status.",
        ("category", "status"),
        by_status,
    )
    totals = {one: sum(by_status[one, status] for status in RecordStatus) for one in categories}
    yield _labelled(
        "session_records_ended_ratio",
        "Share of the records of the session that began last that have ended.",
        ("category",),
        {
            (one,): sum(by_status[one, status] for status in RecordStatus if status.is_terminal)
            / total
            for one, total in totals.items()
            if total
        },
    )
    yield _kinds(
        "session_failures",
        "Instances that failed or were cancelled in the session that began last, by kind of error.",
        found.records,
        (RecordStatus.FAILED, RecordStatus.CANCELLED),
    )
    yield _kinds(
        "session_skips",
        "Instances that the session that began last skipped, by reason.",
        found.records,
        (RecordStatus.SKIPPED,),
    )


def _kinds(
    name: str, text: str, counts: Iterable[RecordCount], statuses: tuple[RecordStatus, ...]
) -> Metric:
    by_kind: dict[tuple[str, ...], float] = defaultdict(int)
    for item in counts:
        if item.status in statuses:
            by_kind[item.category, item.error_kind or "unknown"] += item.records
    return _labelled(name, text, ("category", "kind"), by_kind)


def _work(found: FleetMetrics) -> Iterator[Metric]:
    durations = HistogramMetricFamily(
        f"{PREFIX}phase_duration_seconds",
        "Time that each phase took, of the instances of the session that ended last; no counter.",
        labels=("category", "phase"),
    )
    for item in found.phases:
        bounds = zip(DURATION_BUCKETS, item.below, strict=True)
        buckets = [(str(bound), count) for bound, count in bounds]
        durations.add_metric(
            (item.category, item.phase), [*buckets, ("+Inf", item.count)], item.total_seconds
        )
    yield durations
    yield _labelled(
        "account_changes",
        "Changes of accounts that the account session that ended last logged, by kind.",
        ("kind",),
        {(kind,): count for kind, count in sorted(found.changes.items())},
    )


def _instances(instances: Iterable[InstanceMetrics], now: datetime) -> Iterator[Metric]:
    labels = (*INSTANCE, "category")
    last, age, stale, size = {}, {}, {}, {}
    for item in instances:
        own = (item.name, item.engine, item.environment)
        if item.total_bytes is not None:
            size[own] = item.total_bytes
        for category, success in item.last_success.items():
            last[*own, category] = _seconds(success)
            age[*own, category] = (now - (success or item.created_at)).total_seconds()
            stale[*own, category] = category in item.stale
    yield _labelled(
        "instance_last_success_timestamp_seconds",
        "When the instance was last synced; 0: never.",
        labels,
        last,
    )
    yield _labelled(
        "instance_sync_age_seconds",
        "Time since the instance was last synced, or since it was registered if it never was.",
        labels,
        age,
    )
    yield _labelled(
        "instance_is_stale",
        "1 where the last check found that the instance is overdue and not muted.",
        labels,
        stale,
    )
    yield _labelled(
        "instance_size_bytes", "What the instance's files take, as last measured.", INSTANCE, size
    )
    yield _gauge("instances", "Active instances.", len(list(instances)))


def _freshness(found: FleetMetrics) -> Iterator[Metric]:
    yield _labelled(
        "freshness_checked_timestamp_seconds",
        "When it was last checked which instances are overdue.",
        ("category",),
        {(item.category,): _seconds(item.checked_at) for item in found.checks},
    )
    yield _labelled(
        "freshness_limit_seconds",
        "Age of the last successful sync from which on an instance is overdue.",
        ("category",),
        {(item.category,): item.limit.total_seconds() for item in found.checks},
    )
    yield _labelled(
        "alerts_undelivered",
        "Events that a route has to tell by now and has not.",
        ("channel",),
        {(channel,): count for channel, count in found.undelivered.items()},
    )
    yield _labelled(
        "alerts_failures",
        "Failures in a row of sending on a route.",
        ("channel",),
        {(channel,): count for channel, count in found.alert_failures.items()},
    )
    yield _gauge(
        "events_waiting",
        "Events of which it is not decided yet whom to tell.",
        found.waiting_events,
    )


def _daemon(lease: DaemonLease | None, now: datetime) -> Iterator[Metric]:
    if lease is None:
        return
    holder = lease.holder
    yield _labelled(
        "daemon_at_work",
        "1 for the machine whose daemon has the lease.",
        ("host",),
        {} if holder is None else {(holder.host,): 1},
    )
    yield _gauge(
        "daemon_lease_timestamp_seconds",
        "When the lease of the daemon was last renewed or given back; 0: never.",
        _seconds(lease.renewed_at),
    )
    yield _gauge(
        "daemon_takeovers",
        "How often a daemon took over from one that gave no more signs.",
        lease.takeovers,
    )
    beside = lease.beside_at is not None and now - lease.beside_at < BESIDE_IS_NOW
    yield _gauge("daemon_beside", "1 where a daemon without the lease was seen lately.", beside)
    yield _labelled(
        "process_replacements",
        "How often a process of `sync-pipeline up` that gave no sign of life was replaced.",
        ("process",),
        {(name,): lease.replaced.get(name, 0) for name in PROCESSES},
    )


def _labelled(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: Mapping[LabelsT, float],
) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}{name}", text, labels=labels)
    for own, value in values.items():
        family.add_metric(own, value)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}{name}", text, value=value)


def _tried(session: Session) -> int:
    return session.successful + session.failed + session.cancelled


def _unix(found: FleetMetrics) -> float:
    return found.gathered_at.timestamp()


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0
