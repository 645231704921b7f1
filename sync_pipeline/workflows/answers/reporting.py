"""Gathering what the capacity report shows."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date, timedelta

from sync_pipeline.aggregate.fleet import FleetTotals, gaps
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.report import MOST_LINES, FailedSession, FleetReport, Gap
from sync_pipeline.model.session import Session, SessionFilter, SessionStatus
from sync_pipeline.model.size import SizePoint
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.answers.findings import review_or_reason
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

TOP = 15
FAILURES = 20
FAILURES_OF_A_SESSION = 50


def fleet_report(deps: SyncDeps, days: int) -> FleetReport:
    """Return the report over the last `days`, today included.

    As many statements for 1,000 instances as for one, and of their days only those that a
    chart shows are kept.
    """
    until = today(deps)
    since = until - timedelta(days=days - 1)
    largest = capacity.top_databases(deps, by_growth=False, limit=TOP)
    growing = capacity.top_databases(deps, by_growth=True, limit=TOP)
    limits = capacity.configured_limits(deps)
    seen = _seen(deps, since, until, limits)
    named = {(item.instance, item.database): None for item in (*largest, *growing)}
    window = deps.store.fleet_sizes.totals_of(capacity.window_start(deps), until, named)
    growths = (capacity.growth_of(window[name], limits) for name in named)
    jumps = (capacity.anomaly_of(deps, window[name]) for name in named)
    return FleetReport(
        generated_at=deps.clock(),
        time_zone=deps.settings.time_zone,
        since=since,
        until=until,
        fleet=tuple(seen.totals.days()),
        charted=tuple(point for own in sorted(seen.largest, key=_name) for point in own),
        newest=tuple(deps.store.fleet_sizes.newest(since, until)),
        instances=tuple(seen.growths),
        databases=tuple(item for item in growths if item is not None),
        largest=tuple(largest),
        growing=tuple(growing),
        anomalies=(*seen.anomalies, *(item for item in jumps if item is not None)),
        gaps=tuple(seen.gaps),
        failures=tuple(_failures(deps)),
        review=review_or_reason(deps, deps.store.registry.instances(include_inactive=False)),
    )


@dataclass(slots=True)
class _Seen:
    """What is kept of the instances' days, which pass by one instance after the other."""

    totals: FleetTotals
    largest: list[list[SizePoint]] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def _seen(deps: SyncDeps, since: date, until: date, limits: capacity.Limits) -> _Seen:
    window = capacity.window_start(deps)
    seen = _Seen(FleetTotals(since, until))
    with deps.store.fleet_sizes.totals(min(since, window), until) as points:
        for own in capacity.subjects(points):
            grown = capacity.growth_of(_from(own, window), limits)
            seen.growths += [grown] if grown else []
            shown = _from(own, since)
            if shown:
                _add(seen, deps, shown, until)
    return seen


def _add(seen: _Seen, deps: SyncDeps, own: list[SizePoint], until: date) -> None:
    """Keep what the report shows of an instance, by its days that the report is about."""
    seen.totals.add(own)
    jump = capacity.anomaly_of(deps, own)
    seen.anomalies += [jump] if jump else []
    seen.gaps += gaps(own, until)
    seen.largest = sorted([*seen.largest, own], key=_by_size)[:MOST_LINES]


def _by_size(own: list[SizePoint]) -> tuple[int, str]:
    return -(own[-1].total_bytes or 0), own[-1].instance


def _name(own: list[SizePoint]) -> str:
    return own[0].instance


def _from(points: list[SizePoint], day: date) -> list[SizePoint]:
    first = bisect_left(points, day, key=lambda point: point.collected_date)
    return points[first:]


def _failures(deps: SyncDeps) -> list[FailedSession]:
    """Return the newest sessions that did not go well."""
    found: list[Session] = []
    for status in (SessionStatus.FAILED, SessionStatus.CANCELLED):
        found += deps.store.sessions.list(SessionFilter(status=status, limit=FAILURES))
    found.sort(key=lambda item: item.started_at, reverse=True)
    newest = found[:FAILURES]
    ids = [item.session_id for item in newest]
    failures = deps.store.session_reads.failures_of(ids, FAILURES_OF_A_SESSION)
    return [FailedSession(item, failures[item.session_id]) for item in newest]
