"""What the metrics show, as records: counts come from the store, never a row for each record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.model.daemon_lease import DaemonLease
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.freshness import FreshnessCheck
from sync_pipeline.model.session import RecordStatus, Session, SessionStatus, SyncCategory

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds in seconds of the buckets in which durations are counted."""


@dataclass(frozen=True, slots=True)
class SessionCount:
    """How many sessions of a category have a status."""

    category: SyncCategory
    status: SessionStatus
    sessions: int


@dataclass(frozen=True, slots=True)
class RecordCount:
    """How many records of a category's newest session have a status, and why."""

    category: SyncCategory
    status: RecordStatus
    error_kind: str | None
    records: int


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """How long a phase took on the instances of a session.

    `below` counts those at or below each of `DURATION_BUCKETS`.
    """

    category: SyncCategory
    phase: str
    below: tuple[int, ...]
    count: int
    total_seconds: float


@dataclass(frozen=True, slots=True)
class InstanceMetrics:
    """One active instance; `total_bytes` is None where its size is not known lately."""

    name: str
    engine: str
    environment: str
    created_at: datetime
    last_success: Mapping[SyncCategory, datetime | None]
    stale: frozenset[SyncCategory] = frozenset()
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FindingMetrics:
    """Findings of active instances, by rule and severity, without those of rules switched off.

    `open` are told, `accepted` are not. `opened`, `worsened` and `resolved` are how many ever were,
    by the severity that each got or had; what first reviews found is not among them. `oldest` is
    when that was first seen (UTC) that is told and has been there longest. Of `uncounted` instances
    there are no numbers by the rules of now.
    """

    open: Mapping[tuple[str, Severity], int]
    accepted: Mapping[tuple[str, Severity], int]
    oldest: Mapping[Severity, datetime]
    opened: Mapping[tuple[str, Severity], int]
    worsened: Mapping[tuple[str, Severity], int]
    resolved: Mapping[tuple[str, Severity], int]
    uncounted: int = 0


@dataclass(frozen=True, slots=True)
class FleetMetrics:
    """Everything at one moment (UTC).

    `newest` are the sessions that began last, one a category; `ended` those that ended
    last. `undelivered` counts what each route has still to tell, `alert_failures` how often in a
    row it failed to, and `waiting_events` of what nobody has looked yet whom to tell. `findings`
    is None where the findings file is not valid.
    """

    gathered_at: datetime
    sessions: tuple[SessionCount, ...] = ()
    newest: tuple[Session, ...] = ()
    ended: tuple[Session, ...] = ()
    records: tuple[RecordCount, ...] = ()
    phases: tuple[PhaseTimes, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    instances: tuple[InstanceMetrics, ...] = ()
    checks: tuple[FreshnessCheck, ...] = ()
    undelivered: Mapping[str, int] = field(default_factory=dict)
    alert_failures: Mapping[str, int] = field(default_factory=dict)
    waiting_events: int = 0
    daemon: DaemonLease | None = None
    findings: FindingMetrics | None = None
