"""The account sync of one instance, from lease to committed record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sync_pipeline.collect.accounts import CollectScope, read_accounts
from sync_pipeline.collect.holders import holder_marks
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.engines.base import Engine, KeepsOwn
from sync_pipeline.engines.own import is_own
from sync_pipeline.engines.powers import power_words
from sync_pipeline.model.change import AccountChange, Reconciliation
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.event import EventOrigin
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.reads import Derived, Reads
from sync_pipeline.model.review import NewReview
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SyncCounters
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import check_guard, reconcile
from sync_pipeline.reconcile.before import with_left_out
from sync_pipeline.reconcile.guard import Guard
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.settings import DetailLevel
from sync_pipeline.workflows.answers.classification import Classified, classify_sync
from sync_pipeline.workflows.answers.reviewing import powers_unreviewed, review_of_sync
from sync_pipeline.workflows.answers.sync_news import SyncNews
from sync_pipeline.workflows.dates import date_of
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.account_events import everybodys_events
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.encryption import tls_warnings
from sync_pipeline.workflows.syncing.narrowed import narrowed_sides, whole_sides
from sync_pipeline.workflows.syncing.recorded import Begun, InstanceReport, InstanceWork, recorded
from sync_pipeline.workflows.syncing.target import Source, snapshot_of
from sync_pipeline.workflows.syncing.told import Told
from sync_pipeline.workflows.syncing.unchanged import basis_of, is_unchanged, marks_of
from sync_pipeline.workflows.syncing.use import use_left


@dataclass(frozen=True, slots=True)
class AccountSyncReport(InstanceReport):
    """What one instance's account sync did; `is_baseline`: it was the first one.

    `findings` are the numbers of a review that is kept anew; None: what was found is as it was.
    """

    changes: tuple[AccountChange, ...] = ()
    is_baseline: bool = False
    findings: CountedFindings | None = None


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
    started = time.monotonic()
    reading = snapshot_of(deps, work, begun.usage, read_with)
    basis = basis_of(deps.settings, work.instance, reading)
    known = None
    if not (is_forced or work.is_anew):
        known = deps.store.reads.of(work.instance.id)
        if known is not None and is_unchanged(known, basis, reading):
            report = _confirmed(deps, work, begun, reading, known, started)
            if report is not None:
                return report
    return _compared(deps, work, begun, reading, basis, known, started, is_forced=is_forced)


def _confirmed(
    deps: SyncDeps,
    work: InstanceWork,
    begun: Begun,
    reading: AccountReading,
    known: Reads,
    started: float,
) -> AccountSyncReport | None:
    """Record that nothing changed: what a whole sync would write is what the store has.

    None: another sync wrote meanwhile, and nothing was recorded.
    """
    instance, derived = work.instance, known.derived
    told = Told(
        reading.engine.name,
        reading.server,
        reading.unread,
        reading.noted,
        warnings=(
            *derived.warnings,
            *tls_warnings(instance, reading.server),
            *filter(None, (derived.class_warning,)),
        ),
        excluded=_patterns(deps, reading.engine).excluded,
        excluded_names=derived.excluded_names,
        timings={**reading.timings, "total_seconds": time.monotonic() - started},
    )
    counts = None
    if derived.classes is not None:
        counts = DayCounts(date_of(reading.observed_at, deps.settings), derived.classes)
    is_recorded = deps.store.reads.confirm(
        instance.id,
        known,
        reading.in_order,
        begun.claim,
        RecordOutcome(RecordStatus.COMPLETED, details=told.unchanged(derived.active)),
        reading.observed_at,
        reading.server.version,
        deps.clock(),
        counts,
        reading.server.platform,
        use_left(deps, instance, reading),
    )
    if not is_recorded:
        return None
    return AccountSyncReport(
        instance=instance.name,
        status=RecordStatus.COMPLETED,
        message=f"{instance.name}: {derived.active} accounts, unchanged{told.warned}",
        warnings=told.warnings,
        timings=told.timings,
    )


def _compared(
    deps: SyncDeps,
    work: InstanceWork,
    begun: Begun,
    reading: AccountReading,
    basis: str,
    before: Reads | None,
    started: float,
    *,
    is_forced: bool,
) -> AccountSyncReport:
    """Compare what was read with what is known, and write what changed."""
    instance = work.instance
    marks, holders = marks_of(basis, reading), holder_marks(reading)
    # Before the accounts, so that a review is never kept of others than these.
    accounts = deps.store.accounts.mark(instance.id)
    sides = None
    if before is not None and before.marks.basis == basis:
        scope_of = partial(_scope, deps, reading.engine)
        sides = narrowed_sides(deps, instance, reading, before, holders, scope_of)
    sides = sides or whole_sides(deps, instance, reading)
    known, snapshot = sides.known, sides.snapshot
    scope = _scope(deps, reading.engine, snapshot)
    sections = deps.store.accounts.sections(instance.id)
    ever_read = {state.key for state in sections if state.last_read_at is not None}
    reconcile_started = time.monotonic()
    engine = reading.engine.name
    result = reconcile(
        *(known, snapshot, scope, ever_read),
        lambda state: is_own(engine, state),
        power_words(engine),
        sides.all_known,
    )
    guard = Guard(deps.settings.guard_share, deps.settings.guard_minimum, is_forced)
    check_guard(result, known, snapshot, guard)
    then = before or deps.store.reads.of(instance.id)
    if then is not None and then.derived.with_system is not None:
        result = with_left_out(result, _scope_then(then.derived, snapshot))
    origin = EventOrigin(
        instance.id, instance.name, snapshot.observed_at, work.session_id, work.run_id
    )
    news = SyncNews.of(deps, origin, sections, result)
    classified = classify_sync(deps, instance, sides.all_known, result, snapshot, news)
    now = time.monotonic()
    told = Told(
        engine,
        snapshot.server,
        snapshot.unread,
        snapshot.noted,
        warnings=(
            *sides.warnings,
            *snapshot.warnings,
            *tls_warnings(instance, snapshot.server),
            *filter(None, (classified.warning,)),
        ),
        excluded=scope.excluded,
        excluded_names=len(scope.excluded_names),
        timings={
            **snapshot.timings,
            "reconcile_seconds": now - reconcile_started,
            "total_seconds": now - started,
        },
    )
    counters = counters_of(result)
    review = review_of_sync(deps, instance, accounts, sides.all_known, result, snapshot, news)
    events = (*everybodys_events(instance, result, snapshot, news), *classified.events)
    if review is None:
        args = deps, instance, sides.all_known, result, snapshot, news
        events = (*powers_unreviewed(*args), *events)
    deps.store.accounts.apply(
        instance.id,
        result,
        begun.claim,
        RecordOutcome(RecordStatus.COMPLETED, counters=counters, details=told.details(result)),
        snapshot.observed_at,
        snapshot.server.version,
        deps.clock(),
        classified.counts,
        Reads(marks, _derived(deps, result, snapshot, scope, classified), holders),
        sides.stored,
        review,
        snapshot.server.platform,
        snapshot.server_facts,
        events,
        use_left(deps, instance, reading, result),
    )
    return AccountSyncReport(
        instance=instance.name,
        status=RecordStatus.COMPLETED,
        message=f"{_message(instance, result)}{told.warned}",
        counters=counters,
        changes=result.changes,
        is_baseline=result.is_baseline,
        findings=review.counted if isinstance(review, NewReview) else None,
        warnings=told.warnings,
        timings=told.timings,
    )


def _derived(
    deps: SyncDeps,
    result: Reconciliation,
    snapshot: Snapshot,
    scope: Scope,
    classified: Classified,
) -> Derived:
    return Derived(
        active=result.active,
        excluded_names=len(scope.excluded_names),
        warnings=snapshot.warnings,
        classes=None if classified.counts is None else dict(classified.counts.accounts),
        class_warning=classified.warning,
        holds_from=_told(classified.turns.last),
        holds_until=_told(classified.turns.next),
        left_out=scope.excluded,
        with_system=deps.settings.include_system_accounts,
    )


def _told(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def collect_with(deps: SyncDeps, source: Source) -> Snapshot:
    """Collect all accounts of a source, as deep as the settings say.

    Raises:
        SyncError: no connection, or the list of accounts was not readable.
    """
    return read_with(deps, source).snapshot()


def read_with(deps: SyncDeps, source: Source) -> AccountReading:
    """Read all accounts of a source, as deep as the settings say, and make nothing of them.

    Raises:
        SyncError: no connection, or the list of accounts was not readable.
    """
    scope = CollectScope(
        username=source.target.username,
        object_detail=deps.settings.detail_level is DetailLevel.OBJECT,
        max_databases=deps.settings.max_databases,
        excluded=deps.settings.excluded_databases,
    )
    return read_accounts(source.engine, source.open, scope, deps.clock())


def _scope(deps: SyncDeps, engine: Engine, snapshot: Snapshot) -> Scope:
    """Leave out what the settings name, and what the engine or the server calls its own."""
    patterns = _patterns(deps, engine)
    if deps.settings.include_system_accounts:
        return patterns
    named = frozenset(account.name for account in snapshot.accounts if account.is_system)
    return replace(patterns, excluded_names=named)


def _scope_then(then: Derived, snapshot: Snapshot) -> Scope:
    """Return what the last sync looked after, of the accounts that are there now."""
    named = () if then.with_system else (item.name for item in snapshot.accounts if item.is_system)
    return Scope(then.left_out, frozenset(named))


def _patterns(deps: SyncDeps, engine: Engine) -> Scope:
    """Leave out what the settings name, and what the engine calls its own and nobody needs."""
    is_kept = isinstance(engine, KeepsOwn) and engine.keeps_own
    of_engine = () if is_kept or deps.settings.include_system_accounts else engine.system_accounts
    return Scope.of(of_engine, deps.settings.excluded_accounts)


def counters_of(result: Reconciliation) -> SyncCounters:
    """Return the record's counters with the meaning the account category gives them."""
    return SyncCounters(
        items_synced=result.permissions_created + result.permissions_updated,
        items_created=len(result.of_people(result.created)),
        items_updated=result.permissions_updated,
        items_deleted=len(result.of_people(result.deactivated)),
    )


def _message(instance: Instance, result: Reconciliation) -> str:
    if result.is_baseline:
        return f"{instance.name}: first sync: {result.active} accounts found"

    def counted(names: Sequence[str]) -> int:
        return len(result.of_people(names))

    return (
        f"{instance.name}: {result.active} accounts, {counted(result.created)} created, "
        f"{counted(result.reactivated)} reactivated, {result.permissions_updated} updated, "
        f"{result.permissions_unchanged} unchanged, {counted(result.deactivated)} deactivated"
    )
