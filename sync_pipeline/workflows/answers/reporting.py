"""Gathering what the capacity report shows."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby

from sync_pipeline.aggregate.fleet import fleet_days, gaps
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.report import FailedSession, FleetReport
from sync_pipeline.model.session import Session, SessionFilter, SessionStatus
from sync_pipeline.model.size import InstanceSize, SizePoint, TopDatabase
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.answers.findings import review_or_reason
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

TOP = 15
FAILURES = 20
FAILURES_OF_A_SESSION = 50


def fleet_report(deps: SyncDeps, days: int) -> FleetReport:
    """Return the report over the last `days`, today included."""
    until = today(deps)
    since = until - timedelta(days=days - 1)
    sizes = deps.store.size_queries.instance_sizes(since, until)
    points = [item.point for item in sizes]
    largest = capacity.top_databases(deps, by_growth=False, limit=TOP)
    growing = capacity.top_databases(deps, by_growth=True, limit=TOP)
    subjects = {(item.instance, item.database): item for item in (*largest, *growing)}
    window: list[SizePoint] = []
    growths: list[Growth] = []
    for subject in subjects.values():
        own, found = _database(deps, subject)
        window += own
        growths += found
    return FleetReport(
        generated_at=deps.clock(),
        time_zone=deps.settings.time_zone,
        since=since,
        until=until,
        fleet=tuple(fleet_days(points, since, until)),
        sizes=tuple(sizes),
        newest=tuple(_newest(sizes)),
        instances=tuple(capacity.instance_growth(deps)),
        databases=tuple(growths),
        largest=tuple(largest),
        growing=tuple(growing),
        anomalies=tuple(capacity.anomalies(deps, [*points, *window])),
        gaps=tuple(gaps(points, until)),
        failures=tuple(_failures(deps)),
        review=review_or_reason(deps, deps.store.registry.instances(include_inactive=False)),
    )


def _database(deps: SyncDeps, subject: TopDatabase) -> tuple[list[SizePoint], list[Growth]]:
    now = today(deps)
    since = now - timedelta(days=deps.settings.growth_window_days)
    own = deps.store.size_queries.database_points(since, now, subject.instance, subject.database)
    return own, capacity.growths(deps, own)


def _newest(sizes: list[InstanceSize]) -> list[InstanceSize]:
    return [list(own)[-1] for _, own in groupby(sizes, key=lambda item: item.point.instance)]


def _failures(deps: SyncDeps) -> list[FailedSession]:
    """Return the newest sessions that did not go well."""
    found: list[Session] = []
    for status in (SessionStatus.FAILED, SessionStatus.CANCELLED):
        found += deps.store.sessions.list(SessionFilter(status=status, limit=FAILURES))
    found.sort(key=lambda item: item.started_at, reverse=True)
    failures = deps.store.session_reads.failures
    return [
        FailedSession(item, failures(item.session_id, FAILURES_OF_A_SESSION))
        for item in found[:FAILURES]
    ]
