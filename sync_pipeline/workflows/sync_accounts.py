"""The account sync of one instance, from lease to committed record."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.collect.accounts import CollectScope, ConnectionOpener, collect_accounts
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Engine, Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    LeaseHeld,
    Phase,
    StaleClaim,
    StoreUnavailable,
    SyncError,
)
from sync_pipeline.model.change import AccountChange, Reconciliation
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import (
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    SyncCategory,
    SyncCounters,
)
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import check_guard, reconcile
from sync_pipeline.reconcile.guard import Guard
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.settings import DetailLevel
from sync_pipeline.workflows.dependencies import SyncDeps

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """`is_forced` passes the guard; `will_retry` says that a retryable error is tried again."""

    is_forced: bool = False
    will_retry: bool = False


@dataclass(frozen=True, slots=True)
class AccountSyncReport:
    """What one instance's sync did, for metadata and for people."""

    instance: str
    status: RecordStatus
    message: str
    counters: SyncCounters = field(default_factory=SyncCounters)
    changes: tuple[AccountChange, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)


def sync_instance_accounts(
    deps: SyncDeps, instance: Instance, session_id: str, run_id: str, options: SyncOptions
) -> AccountSyncReport:
    """Sync the accounts of one instance and record the outcome, whatever it is.

    An instance that another run is syncing is recorded as skipped, without an error.

    Raises:
        SyncError: the sync failed. Its record already says so, or says `pending` with
            the reason where the error can be retried and the caller will retry.
    """
    claim = deps.store.sessions.claim(session_id, instance.id, run_id, deps.clock())
    try:
        with _lease(deps, instance, run_id):
            return _sync(deps, instance, claim, options)
    except LeaseHeld as error:
        outcome = RecordOutcome(
            RecordStatus.SKIPPED, error_kind=error.kind, error_message=str(error)
        )
        deps.store.sessions.finish(claim, outcome, deps.clock())
        return AccountSyncReport(instance.name, RecordStatus.SKIPPED, str(error))
    except StaleClaim:
        raise
    except SyncError as error:
        _record_failure(deps, claim, error.at(instance.name, Phase.COLLECT), options)
        raise
    except Exception as error:  # noqa: BLE001 - raised again as ours
        # Where it happened, without the exception's text: that may quote anything.
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s: unexpected %s\n%s", instance.name, type(error).__name__, where)
        failure = SyncError(
            f"An unexpected {type(error).__name__} stopped the sync.",
            instance=instance.name,
            hint="This is a defect of sync_pipeline: please report it with the run's log.",
        )
        _record_failure(deps, claim, failure, options)
        raise failure from None


@contextmanager
def _lease(deps: SyncDeps, instance: Instance, run_id: str) -> Iterator[None]:
    """Hold the instance's lease. Failing to give it back never fails the sync."""
    leases, category = deps.store.leases, SyncCategory.ACCOUNT
    # The lease outlives the instance's own deadline, so it can't expire under the work.
    seconds = max(deps.settings.lease_seconds, instance.timeouts.total_seconds + 60)
    leases.acquire(instance.id, category, run_id, seconds, deps.clock())
    try:
        yield
    finally:
        try:
            leases.release(instance.id, category, run_id)
        except StoreUnavailable:
            _LOG.warning("%s: the lease was not released and will expire", instance.name)


def _sync(
    deps: SyncDeps, instance: Instance, claim: RecordClaim, options: SyncOptions
) -> AccountSyncReport:
    engine = ENGINES[instance.engine]
    started = time.monotonic()
    snapshot = _snapshot(deps, engine, instance)
    scope = _scope(deps, engine)
    known = deps.store.accounts.known(instance.id)
    ever_read = {
        state.key
        for state in deps.store.accounts.sections(instance.id)
        if state.last_read_at is not None
    }
    reconcile_started = time.monotonic()
    result = reconcile(known, snapshot, scope, ever_read)
    guard = Guard(deps.settings.guard_share, deps.settings.guard_minimum, options.is_forced)
    check_guard(result, known, snapshot, guard)
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
        claim,
        outcome,
        snapshot.observed_at,
        snapshot.server.version,
        deps.clock(),
    )
    return AccountSyncReport(
        instance=instance.name,
        status=RecordStatus.COMPLETED,
        message=_message(instance, result, snapshot),
        counters=outcome.counters,
        changes=result.changes,
        warnings=snapshot.warnings,
        timings=timings,
    )


def _snapshot(deps: SyncDeps, engine: Engine, instance: Instance) -> Snapshot:
    """Collect with the stored secret; once more when the secret changed meanwhile."""
    deadline = Deadline(instance.timeouts.total_seconds)
    target = target_of(deps, instance)
    try:
        return collect_with(deps, engine, target, deadline)
    except AuthenticationError:
        fresh = target_of(deps, instance)
        if (fresh.username, fresh.password) == (target.username, target.password):
            raise
        return collect_with(deps, engine, fresh, deadline)


def collect_with(deps: SyncDeps, engine: Engine, target: Target, deadline: Deadline) -> Snapshot:
    """Collect all accounts of a target, as deep as the settings say.

    Raises:
        SyncError: no connection, or the list of accounts was not readable.
    """
    scope = CollectScope(
        username=target.username,
        object_detail=deps.settings.detail_level is DetailLevel.OBJECT,
        max_databases=deps.settings.max_databases,
    )
    return collect_accounts(engine, opener(engine, target, deadline), scope, deps.clock())


def opener(engine: Engine, target: Target, deadline: Deadline) -> ConnectionOpener:
    """Return a function that opens bounded connections to one target."""
    return lambda database: open_connection(engine, target, deadline, database)


def target_of(deps: SyncDeps, instance: Instance) -> Target:
    """Return where to connect, with the secret as it is now.

    Raises:
        ConfigurationError: the credential is gone or its secret can't be resolved.
    """
    credential = deps.store.registry.credential(instance.credential)
    if credential is None:
        raise ConfigurationError(
            f"The credential {instance.credential!r} does not exist.",
            instance=instance.name,
            phase=Phase.CONFIGURE,
            hint="Add it with: sync-pipeline credentials add.",
        )
    password: Secret = deps.vault.resolve(credential.secret)
    return Target(instance, credential.username, password, instance.timeouts.statement_seconds)


def _scope(deps: SyncDeps, engine: Engine) -> Scope:
    system = () if deps.settings.include_system_accounts else engine.system_accounts
    return Scope.of(system, deps.settings.excluded_accounts)


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
        "server_version": snapshot.server.version,
        "tls": snapshot.server.tls,
    }


def _message(instance: Instance, result: Reconciliation, snapshot: Snapshot) -> str:
    warned = f", {len(snapshot.warnings)} warnings" if snapshot.warnings else ""
    return (
        f"{instance.name}: {len(result.seen)} accounts, {len(result.created)} created, "
        f"{len(result.reactivated)} reactivated, {result.permissions_updated} updated, "
        f"{result.permissions_unchanged} unchanged, {len(result.deactivated)} deactivated{warned}"
    )


def _record_failure(
    deps: SyncDeps, claim: RecordClaim, error: SyncError, options: SyncOptions
) -> None:
    """Write the failure; a store that is gone is left to the hooks and the reaper."""
    try:
        if error.retryable and options.will_retry:
            deps.store.sessions.release(claim, error.kind, str(error), deps.clock())
            return
        outcome = RecordOutcome(
            RecordStatus.FAILED, error_kind=error.kind, error_message=str(error)
        )
        deps.store.sessions.finish(claim, outcome, deps.clock())
    except (StoreUnavailable, StaleClaim) as unrecorded:
        _LOG.warning("%s: the failure was not recorded now: %s", claim.instance_name, unrecorded)
