"""The account sync of one instance, from lease to committed record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.engines.base import Engine
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.change import AccountChange, Reconciliation
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SyncCounters
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import check_guard, reconcile
from sync_pipeline.reconcile.guard import Guard
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.settings import DetailLevel
from sync_pipeline.workflows.answers.classification import classify_sync
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.encryption import tls_warnings
from sync_pipeline.workflows.syncing.recorded import Begun, InstanceReport, InstanceWork, recorded
from sync_pipeline.workflows.syncing.target import Source, snapshot_of


@dataclass(frozen=True, slots=True)
class AccountSyncReport(InstanceReport):
    """What one instance's account sync did; `is_baseline`: it was the first one."""

    changes: tuple[AccountChange, ...] = ()
    is_baseline: bool = False


def sync_instance_accounts(
    deps: SyncDeps, work: InstanceWork, *, is_forced: bool = False
) -> AccountSyncReport:
    """Sync the accounts of one instance and record the outcome, whatever it is.

    An instance that another run is syncing is recorded as skipped, without an error.
    `is_forced` passes the guard.

    Raises:
        SyncError: the sync failed. Its record already says so, or says `pending` with
            the reason where the error can be retried and the caller will retry.
    """
    with recorded(deps, work) as begun:
        if isinstance(begun, Skip):
            return AccountSyncReport.of_skip(work, begun)
        return _sync(deps, work, begun, is_forced=is_forced)


def _sync(
    deps: SyncDeps, work: InstanceWork, begun: Begun, *, is_forced: bool
) -> AccountSyncReport:
    instance = work.instance
    engine = ENGINES[instance.engine]
    started = time.monotonic()
    snapshot = snapshot_of(deps, work, begun.usage, collect_with)
    scope = _scope(deps, engine, snapshot)
    known = deps.store.accounts.known(instance.id)
    ever_read = {
        state.key
        for state in deps.store.accounts.sections(instance.id)
        if state.last_read_at is not None
    }
    reconcile_started = time.monotonic()
    result = reconcile(known, snapshot, scope, ever_read)
    guard = Guard(deps.settings.guard_share, deps.settings.guard_minimum, is_forced)
    check_guard(result, known, snapshot, guard)
    classified = classify_sync(deps, instance, known, result, snapshot)
    more = (*tls_warnings(instance, snapshot.server), *filter(None, (classified.warning,)))
    snapshot = replace(snapshot, warnings=(*snapshot.warnings, *more))
    now = time.monotonic()
    timings = {
        **snapshot.timings,
        "reconcile_seconds": now - reconcile_started,
        "total_seconds": now - started,
    }
    outcome = RecordOutcome(
        RecordStatus.COMPLETED,
        counters=counters_of(result),
        details=_details(result, snapshot, scope, timings),
    )
    deps.store.accounts.apply(
        instance.id,
        result,
        begun.claim,
        outcome,
        snapshot.observed_at,
        snapshot.server.version,
        deps.clock(),
        classified.counts,
    )
    return AccountSyncReport(
        instance=instance.name,
        status=RecordStatus.COMPLETED,
        message=_message(instance, result, snapshot),
        counters=outcome.counters,
        changes=result.changes,
        is_baseline=result.is_baseline,
        warnings=snapshot.warnings,
        timings=timings,
    )


def collect_with(deps: SyncDeps, source: Source) -> Snapshot:
    """Collect all accounts of a source, as deep as the settings say.

    Raises:
        SyncError: no connection, or the list of accounts was not readable.
    """
    scope = CollectScope(
        username=source.target.username,
        object_detail=deps.settings.detail_level is DetailLevel.OBJECT,
        max_databases=deps.settings.max_databases,
    )
    return collect_accounts(source.engine, source.open, scope, deps.clock())


def _scope(deps: SyncDeps, engine: Engine, snapshot: Snapshot) -> Scope:
    """Leave out what the settings name, and what the engine or the server calls its own."""
    if deps.settings.include_system_accounts:
        return Scope.of(deps.settings.excluded_accounts)
    named = frozenset(account.name for account in snapshot.accounts if account.is_system)
    scope = Scope.of(engine.system_accounts, deps.settings.excluded_accounts)
    return replace(scope, excluded_names=named)


def counters_of(result: Reconciliation) -> SyncCounters:
    """Return the record's counters with the meaning the account category gives them."""
    return SyncCounters(
        items_synced=result.permissions_created + result.permissions_updated,
        items_created=len(result.created),
        items_updated=result.permissions_updated,
        items_deleted=len(result.deactivated),
    )


def _details(
    result: Reconciliation, snapshot: Snapshot, scope: Scope, timings: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "is_baseline": result.is_baseline,
        "inventory": {
            "active": len(result.seen),
            "created": len(result.created),
            "reactivated": len(result.reactivated),
            "deactivated": len(result.deactivated),
        },
        "permissions": {
            "created": result.permissions_created,
            "updated": result.permissions_updated,
            "unchanged": result.permissions_unchanged,
        },
        "timings": {name: round(seconds, 4) for name, seconds in timings.items()},
        "warnings": list(snapshot.warnings),
        "unread_sections": {
            str(key): {"status": str(report.status), "reason": report.reason}
            for key, report in snapshot.unread.items()
        },
        "excluded_accounts": list(scope.excluded),
        "excluded_system_accounts": len(scope.excluded_names),
        "server_version": snapshot.server.version,
        "tls": snapshot.server.tls,
    }


def _message(instance: Instance, result: Reconciliation, snapshot: Snapshot) -> str:
    warned = f", {len(snapshot.warnings)} warnings" if snapshot.warnings else ""
    if result.is_baseline:
        return f"{instance.name}: first sync: {len(result.seen)} accounts found{warned}"
    return (
        f"{instance.name}: {len(result.seen)} accounts, {len(result.created)} created, "
        f"{len(result.reactivated)} reactivated, {result.permissions_updated} updated, "
        f"{result.permissions_unchanged} unchanged, {len(result.deactivated)} deactivated{warned}"
    )
