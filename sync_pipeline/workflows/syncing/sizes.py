"""The size collection of one instance, from lease to committed record."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sync_pipeline.aggregate.anomalies import BASELINE_DAYS
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.collect.unknown import newer_warning
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import Phase, SuspiciousSnapshot
from sync_pipeline.model.event import Event, EventOrigin
from sync_pipeline.model.growth import Anomaly
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SyncCounters
from sync_pipeline.model.size import (
    DatabaseReconciliation,
    MeasuredDay,
    MeasureName,
    SizePoint,
    SizeSnapshot,
)
from sync_pipeline.reconcile.databases import reconcile_databases
from sync_pipeline.reconcile.guard import Guard
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.workflows.answers.capacity import anomaly_of
from sync_pipeline.workflows.answers.defects import unless_defect
from sync_pipeline.workflows.dates import date_of
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.encryption import tls_warnings
from sync_pipeline.workflows.syncing.recorded import Begun, InstanceReport, InstanceWork, recorded
from sync_pipeline.workflows.syncing.size_events import SizeNews, knows_imported_alone
from sync_pipeline.workflows.syncing.target import Source, snapshot_of


@dataclass(frozen=True, slots=True)
class SizeReport(InstanceReport):
    """What one instance's size collection found."""

    collected_date: date | None = None
    snapshot: SizeSnapshot | None = None
    anomalies: tuple[Anomaly, ...] = ()


def sync_instance_sizes(
    deps: SyncDeps, work: InstanceWork, *, is_forced: bool = False
) -> SizeReport:
    """Measure one instance and record the outcome, whatever it is.

    The sizes belong to the date, where the fleet is, on which the measuring began; a
    second collection of that date replaces the first. `is_forced` passes the guard.

    Raises:
        SyncError: it failed, and its record says so; see `recorded`.
    """
    with recorded(deps, work) as begun:
        if isinstance(begun, Skip):
            return SizeReport.of_skip(work, begun)
        return _sync(deps, work, begun, is_forced=is_forced)


def _sync(deps: SyncDeps, work: InstanceWork, begun: Begun, *, is_forced: bool) -> SizeReport:
    instance = work.instance
    started = time.monotonic()
    engine = ENGINES[instance.engine]
    scope = Scope.of(engine.system_databases, deps.settings.excluded_databases)
    found = snapshot_of(deps, work, begun.usage, measure_with, connections=engine.size_connections)
    snapshot = replace(
        found, databases=tuple(item for item in found.databases if scope.includes(item.name))
    )
    inventory = _reconciled(deps, instance, found, scope, is_forced=is_forced)
    collected = date_of(snapshot.observed_at, deps.settings)
    before = _points_before(deps, instance, collected)
    anomalies = _anomalies(deps, instance, collected, snapshot, before)
    timings = {**snapshot.timings, "total_seconds": time.monotonic() - started}
    warnings = (
        *snapshot.warnings,
        *newer_warning(engine, snapshot.server, "its sizes were measured as those of that."),
        *tls_warnings(instance, snapshot.server),
        *map(str, anomalies),
    )
    counters = SyncCounters(
        items_synced=len(snapshot.databases) - len(snapshot.unread),
        items_created=len(inventory.created),
        items_updated=len(inventory.reactivated),
        items_deleted=len(inventory.vanished),
    )
    outcome = RecordOutcome(
        RecordStatus.COMPLETED,
        counters=counters,
        details=_details(snapshot, inventory, scope, collected, timings, warnings),
    )
    day = MeasuredDay(instance.id, collected, snapshot, inventory, begun.claim.session_id)
    origin = EventOrigin(
        instance.id, instance.name, snapshot.observed_at, work.session_id, work.run_id
    )
    new = [item for item in anomalies if not _is_known(deps, item, before)]
    news = SizeNews(deps, origin, collected, snapshot)
    none: tuple[Event, ...] = ()
    events = unless_defect(instance, lambda: news.events(inventory, new), none)
    deps.store.sizes.apply(day, begun.claim, outcome, deps.clock(), events)
    return SizeReport(
        instance=instance.name,
        status=RecordStatus.COMPLETED,
        message=_message(instance, snapshot, inventory),
        counters=counters,
        warnings=warnings,
        timings=timings,
        collected_date=collected,
        snapshot=snapshot,
        anomalies=anomalies,
    )


def measure_with(deps: SyncDeps, source: Source) -> SizeSnapshot:
    """Measure a source, as deep as the settings say.

    Raises:
        SyncError: no connection, or the databases could not be listed.
    """
    settings = deps.settings
    scope = SizeScope(
        source.target.username,
        settings.largest_tables,
        settings.max_databases,
        source.deadline.ends_at,
        source.target.statement_seconds,
        settings.excluded_databases,
    )
    return collect_sizes(source.engine, source.open, scope, deps.clock())


def _reconciled(
    deps: SyncDeps, instance: Instance, snapshot: SizeSnapshot, scope: Scope, *, is_forced: bool
) -> DatabaseReconciliation:
    """Compare with the inventory.

    Raises:
        SuspiciousSnapshot: no database was listed, or too many have vanished.
    """
    if not snapshot.databases:
        raise SuspiciousSnapshot(
            "The server listed no database at all.",
            phase=Phase.RECONCILE,
            hint="Nothing was changed. Check what the monitoring account may read.",
        )
    known = deps.store.sizes.known(instance.id)
    inventory = reconcile_databases(known, snapshot, scope)
    is_free = is_forced or knows_imported_alone(deps, instance.id)
    guard = Guard(deps.settings.guard_share, deps.settings.guard_minimum, is_free)
    guard.check(len(inventory.vanished), sum(item.is_active for item in known), "databases")
    return inventory


def _points_before(
    deps: SyncDeps, instance: Instance, collected: date
) -> Mapping[str, Sequence[SizePoint]]:
    """Return the sizes by database that were measured here, of a date and the days before it."""
    since = collected - timedelta(days=BASELINE_DAYS)
    imported_until = deps.store.imports.sizes_until(instance.id)
    if imported_until is not None:
        since = max(since, imported_until + timedelta(days=1))
    before: dict[str, list[SizePoint]] = {}
    for point in deps.store.size_queries.database_points(since, collected, instance.name):
        before.setdefault(point.database, []).append(point)
    return before


def _anomalies(
    deps: SyncDeps,
    instance: Instance,
    collected: date,
    snapshot: SizeSnapshot,
    before: Mapping[str, Sequence[SizePoint]],
) -> tuple[Anomaly, ...]:
    """Compare today's sizes with those of the days before."""
    found = []
    for item in snapshot.databases:
        point = SizePoint(instance.name, item.name, collected, item.total.bytes)
        if point.total_bytes is None:
            continue
        earlier = (one for one in before.get(item.name, ()) if one.collected_date < collected)
        jump = anomaly_of(deps, [*earlier, point])
        if jump is not None:
            found.append(jump)
    return tuple(found)


def _is_known(deps: SyncDeps, item: Anomaly, before: Mapping[str, Sequence[SizePoint]]) -> bool:
    """Return whether an earlier collection of the same date found the same of a database."""
    points = before.get(item.database, ())
    if not points or points[-1].collected_date != item.collected_date:
        return False
    was = anomaly_of(deps, points)
    return was is not None and was.collected_date == item.collected_date


def _details(
    snapshot: SizeSnapshot,
    inventory: DatabaseReconciliation,
    scope: Scope,
    collected: date,
    timings: Mapping[str, float],
    warnings: Iterable[str],
) -> dict[str, Any]:
    return {
        "collected_date": collected.isoformat(),
        "inventory": {
            "present": len(inventory.seen),
            "created": list(inventory.created),
            "reactivated": list(inventory.reactivated),
            "vanished": list(inventory.vanished),
            "is_complete": snapshot.inventory_is_complete,
        },
        "sizes": {name.column: item.bytes for name, item in snapshot.measures().items()},
        "known_bytes": snapshot.known_bytes,
        "unread_databases": {item.name: item.total.reason for item in snapshot.unread},
        "timings": {name: round(seconds, 4) for name, seconds in timings.items()},
        "warnings": list(warnings),
        "excluded_databases": list(scope.excluded),
        "server_version": snapshot.server.version,
        "tls": snapshot.server.tls,
    }


def _message(instance: Instance, snapshot: SizeSnapshot, inventory: DatabaseReconciliation) -> str:
    total = snapshot.measures()[MeasureName.TOTAL].bytes
    size = f"{total} bytes" if total is not None else f"at least {snapshot.known_bytes} bytes"
    unread = f", {len(snapshot.unread)} not readable" if snapshot.unread else ""
    return (
        f"{instance.name}: {len(snapshot.databases)} databases, {size}{unread}, "
        f"{len(inventory.created)} created, {len(inventory.reactivated)} back, "
        f"{len(inventory.vanished)} vanished"
    )
