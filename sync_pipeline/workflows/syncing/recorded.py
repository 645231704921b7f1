"""Work on one instance that leaves a true record, whatever becomes of it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.errors import (
    LeaseHeld,
    MemoryExhausted,
    Phase,
    StaleClaim,
    StoreUnavailable,
    SuspiciousSnapshot,
    SyncError,
)
from sync_pipeline.model.event import Event, EventKind, EventOrigin
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.maintenance import window_of
from sync_pipeline.model.session import (
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    SyncCategory,
    SyncCounters,
)
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip, note_end
from sync_pipeline.workflows.syncing.limits import require_time

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InstanceWork:
    """One instance's part of a session.

    `will_retry` says that a retryable error is tried again, `retry_seconds` from now at the
    latest. Work that only one run may do at a time takes a lease (`is_exclusive`). From
    `ends_at`, the deadline of the run, nothing is begun. `may_have_streak` is False where
    no failure came before, so that a success has nothing to end. `was_rejected`: the last login at
    the instance was, and nobody asked that it be tried again. `skip` says why the run leaves
    the instance alone. `is_anew`: a person has this done again, so that it is whole even where
    nothing changed.
    """

    instance: Instance
    session_id: str
    run_id: str
    category: SyncCategory
    will_retry: bool = False
    is_exclusive: bool = True
    retry_seconds: float = 0
    ends_at: datetime | None = None
    may_have_streak: bool = True
    was_rejected: bool = False
    skip: Skip | None = None
    is_anew: bool = False

    def is_last_try(self, now: datetime) -> bool:
        """Return whether the run's deadline would be over by a retry."""
        return self.ends_at is not None and (
            self.ends_at <= now + timedelta(seconds=self.retry_seconds)
        )


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """What the work on one instance did, for metadata and for people."""

    instance: str
    status: RecordStatus
    message: str
    counters: SyncCounters = field(default_factory=SyncCounters)
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_skip(cls, work: InstanceWork, skip: Skip) -> Self:
        """Return the report of an instance that was left alone."""
        return cls(work.instance.name, RecordStatus.SKIPPED, skip.reason)


@dataclass(frozen=True, slots=True)
class Begun:
    """Work on an instance that has begun: the claim that ends its record, which the work does.

    What it reads counts in `usage`, until it has ended.
    """

    claim: RecordClaim
    usage: Usage


@contextmanager
def recorded(deps: SyncDeps, work: InstanceWork) -> Iterator[Begun | Skip]:
    """Claim the record for a block that does the work, and record how the block failed.

    Where the instance is left alone, also because another run is working on it, the record
    says so already, and the block is told why in the place of what it would work with.

    Raises:
        SyncError: the work failed. The record already says so, or says `pending` with the
            reason where the error can be retried and the caller will retry.
    """
    instance = work.instance
    claim = deps.store.sessions.claim(work.session_id, instance.id, work.run_id, deps.clock())
    try:
        with one_instance(instance), ExitStack() as held:
            begun = _begin(deps, work, claim, held)
            if isinstance(begun, Skip):
                outcome = RecordOutcome(
                    RecordStatus.SKIPPED, error_kind=begun.kind, error_message=begun.reason
                )
                deps.store.sessions.finish(claim, outcome, deps.clock())
            yield begun
    except StaleClaim:
        raise
    except SyncError as error:
        if work.is_last_try(deps.clock()):
            error.retryable = False
        _record_failure(deps, claim, error.at(instance.name, Phase.COLLECT), work)
        raise
    if isinstance(begun, Begun):
        _note_end(deps, work, None)


def _begin(deps: SyncDeps, work: InstanceWork, claim: RecordClaim, held: ExitStack) -> Begun | Skip:
    """Take what the work holds while it lasts, or return why there is none to do."""
    if work.skip is not None:
        return work.skip
    require_time(deps, work.instance, work.ends_at)
    try:
        held.enter_context(_lease(deps, work))
    except LeaseHeld as error:
        return Skip(error.kind, str(error))
    return Begun(claim, held.enter_context(deps.memory.share()))


@contextmanager
def one_instance(instance: Instance) -> Iterator[None]:
    """Let whatever goes wrong in the block cost this instance alone.

    Raises:
        SyncError: the block's own, or what became of any other exception.
    """
    try:
        yield
    except SyncError:
        raise
    except Exception as error:  # noqa: BLE001 - raised again as ours
        if _is_of_memory(error):
            _LOG.error("%s: no memory was left", instance.name)
            raise MemoryExhausted(
                "There was no memory left for what the server sent.",
                instance=instance.name,
                hint="Lower SYNC_PIPELINE_MAX_RUN_BYTES or the number of instances synced at "
                "once, or give the process more memory.",
            ) from None
        # Where it happened, without the exception's text: that may quote anything.
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s: unexpected %s\n%s", instance.name, type(error).__name__, where)
        raise SyncError(
            f"An unexpected {type(error).__name__} stopped the sync.",
            instance=instance.name,
            hint="This is a defect of sync_pipeline: please report it with the run's log.",
        ) from None


def _is_of_memory(error: Exception) -> bool:
    """Return whether memory was wanting: threads need some for their stacks."""
    is_of_thread = isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    return isinstance(error, MemoryError) or is_of_thread


@contextmanager
def _lease(deps: SyncDeps, work: InstanceWork) -> Iterator[None]:
    """Hold the instance's lease, where the work needs it.

    Failing to give it back never fails the work.
    """
    if not work.is_exclusive:
        yield
        return
    leases, instance = deps.store.leases, work.instance
    # The lease outlives the instance's own deadline, so it can't expire under the work.
    longest = deps.settings.connection_wait_seconds + instance.timeouts.total_seconds
    seconds = max(deps.settings.lease_seconds, longest + 60)
    leases.acquire(instance.id, work.category, work.run_id, seconds, deps.clock())
    try:
        yield
    finally:
        try:
            leases.release(instance.id, work.category, work.run_id)
        except StoreUnavailable:
            _LOG.warning("%s: the lease was not released and will expire", instance.name)


def _record_failure(
    deps: SyncDeps, claim: RecordClaim, error: SyncError, work: InstanceWork
) -> None:
    """Write the failure; a store that is gone is left to the hooks and the reaper."""
    try:
        if error.retryable and work.will_retry:
            deps.store.sessions.release(claim, error.kind, str(error), deps.clock())
            return
        outcome = RecordOutcome(
            RecordStatus.FAILED, error_kind=error.kind, error_message=str(error)
        )
        now = deps.clock()
        deps.store.sessions.finish(claim, outcome, now, _refusal(deps, work, error, now))
    except (StoreUnavailable, StaleClaim) as unrecorded:
        _LOG.warning("%s: the failure was not recorded now: %s", claim.instance_name, unrecorded)
        return
    _note_end(deps, work, error)


def _refusal(deps: SyncDeps, work: InstanceWork, error: SyncError, now: datetime) -> Event | None:
    """Return that the guard refused what a sync had read; None: it failed in another way.

    Or maintenance has begun meanwhile: what a server shows then is no news.
    """
    instance = work.instance
    if not isinstance(error, SuspiciousSnapshot):
        return None
    if window_of(instance, deps.store.maintenance.active(now)) is not None:
        return None
    origin = EventOrigin(instance.id, instance.name, now, work.session_id, work.run_id)
    return origin.event(
        EventKind.SYNC_REFUSED, Severity.HIGH, subject=str(work.category), after=str(error)
    )


def _note_end(deps: SyncDeps, work: InstanceWork, error: SyncError | None) -> None:
    note_end(
        deps,
        work.instance,
        work.category,
        work.session_id,
        error,
        may_have_streak=work.may_have_streak,
    )
