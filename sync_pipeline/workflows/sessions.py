"""Opening, closing and reaping of sync sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sync_pipeline.model.failure import Failures
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.session import (
    UNOPENED,
    NewSession,
    Session,
    SessionRun,
    SessionStatus,
    StepFailure,
    SyncType,
)
from sync_pipeline.model.text import first_lines, visible_start
from sync_pipeline.store.store import Store

NEVER_LAUNCHED = "The run of this part of the session was never launched."
LONGEST_LINE = 500
LONGEST_SUMMARY = 12_000


class RunState(StrEnum):
    """What is known of the run behind a session."""

    ALIVE = "alive"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    MISSING = "missing"


_STATUS_OF_RUN = {
    RunState.SUCCEEDED: SessionStatus.COMPLETED,
    RunState.FAILED: SessionStatus.FAILED,
    RunState.CANCELED: SessionStatus.CANCELLED,
    RunState.MISSING: SessionStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class Reaped:
    """A run of a session that the reaper closed, and why; None: one never launched."""

    session: Session
    run_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class LaunchedRun:
    """A run that was launched for a shard of a session."""

    shard: int
    run_id: str
    state: RunState


class RunLookup(Protocol):
    """What the reaper asks of whatever carries out runs."""

    def state(self, run_id: str) -> RunState:
        """Return what is known of a run."""
        ...

    def launched(self, session_id: str) -> Sequence[LaunchedRun]:
        """Return the runs that were launched for the shards of a session."""
        ...

    def failures(self, run_id: str) -> Iterable[StepFailure]:
        """Yield why steps of a run failed, where its log has it in our own words."""
        ...


def derive_sync_type(
    selection: Selection, instance_count: int, *, is_scheduled: bool, is_everything: bool = True
) -> SyncType:
    """Say how a session was launched, from what launched it and what it selected.

    `is_everything` says that nobody chose among what was selected.
    """
    if is_scheduled:
        return SyncType.SCHEDULED_TASK
    if selection.is_everything and is_everything:
        return SyncType.MANUAL_TASK
    return SyncType.MANUAL_SINGLE if instance_count == 1 else SyncType.MANUAL_BATCH


def close_session(
    store: Store,
    new: NewSession,
    state: RunState,
    *,
    error: str | None,
    now: datetime,
    failures: Iterable[StepFailure] = (),
) -> Session:
    """Close the session of a run that is over, and return it.

    A record that its step could not end, as the store was away then, ends as one of `failures`
    says, which are looked at only where there is such a record. A run that ended before it
    opened its session leaves one too, with no instance, so that no run is without a record.

    Raises:
        ValueError: the run is still alive.
    """
    if state is RunState.ALIVE:
        raise ValueError("a session is closed only when its run is over")
    _record_failures(store, new.session_id, new.run_id, failures, now)
    return store.sessions.close_or_record(new, _STATUS_OF_RUN[state], error, now)


def _record_failures(
    store: Store,
    session_id: str,
    run_id: str,
    failures: Iterable[StepFailure],
    now: datetime,
) -> None:
    """End the records that a run left open as their steps said that they failed."""
    left = store.sessions.left_open(session_id, run_id)
    for failed in failures if left else ():
        if failed.instance_id in left:
            store.sessions.fail_unfinished(
                session_id, failed.instance_id, run_id, failed.kind, failed.message, now
            )


def reap(
    store: Store,
    lookup: RunLookup,
    now: datetime,
    stale_after_seconds: int,
    silent: Collection[str] = (),
    cause: Callable[[str | None], str] = lambda _: "",
) -> tuple[Reaped, ...]:
    """Close every run of an unfinished session that is over, unknown, or silent.

    A run that claims to be alive is left alone unless it is one of `silent`: it gave no sign
    of life for so long that no event will ever end it, because its worker died together
    with what watched over it. A shard that has no run by then was never launched. `cause` says
    why a run is over, where that is known.
    """
    reaped: list[Reaped] = []
    for session in store.sessions.unfinished():
        runs = store.sessions.runs(session.session_id)
        ends = _ends_of_opened(runs, lookup, stale_after_seconds, silent)
        unseen = set(range(1, session.shards + 1)) - {run.shard for run in runs}
        if unseen:
            is_stale = now - session.started_at > timedelta(seconds=stale_after_seconds)
            ends += _ends_of_unseen(session, unseen, lookup, is_stale=is_stale)
        for end in ends:
            known = cause(end.run_id)
            is_new = end.reason == UNOPENED
            reason = f"{UNOPENED} {known}".strip() if is_new else known or end.reason
            if end.run_id is not None:
                failures = lookup.failures(end.run_id)
                _record_failures(store, session.session_id, end.run_id, failures, now)
            closed = store.sessions.close_run(
                session.session_id, end.run_id, end.status, reason, now, end.shard
            )
            if closed is not None:
                reaped.append(Reaped(closed, end.run_id, reason))
    return tuple(reaped)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a run that the reaper found."""

    shard: int
    run_id: str | None
    status: SessionStatus
    reason: str


def _ends_of_opened(
    runs: Sequence[SessionRun],
    lookup: RunLookup,
    stale_after_seconds: int,
    silent: Collection[str],
) -> list[_End]:
    ends = []
    for run in runs:
        if run.ended_at is not None or run.run_id is None:
            continue
        state = lookup.state(run.run_id)
        if state is RunState.ALIVE and run.run_id not in silent:
            continue
        final = RunState.FAILED if state is RunState.ALIVE else state
        reason = _reason(state, stale_after_seconds)
        ends.append(_End(run.shard, run.run_id, _STATUS_OF_RUN[final], reason))
    return ends


def _ends_of_unseen(
    session: Session, unseen: set[int], lookup: RunLookup, *, is_stale: bool
) -> list[_End]:
    """Return the ends of shards of which no run has opened the session."""
    launched = [run for run in lookup.launched(session.session_id) if run.shard in unseen]
    ends = [
        _End(run.shard, run.run_id, _STATUS_OF_RUN[run.state], UNOPENED)
        for run in launched
        if run.state is not RunState.ALIVE
    ]
    if is_stale:
        never = sorted(unseen - {run.shard for run in launched})
        ends += [_End(shard, None, SessionStatus.FAILED, NEVER_LAUNCHED) for shard in never]
    return ends


def _reason(state: RunState, stale_after_seconds: int) -> str:
    if state is RunState.ALIVE:
        return (
            f"The run gave no sign of life for {stale_after_seconds} seconds: its process or its "
            "machine is gone, or can't reach the store."
        )
    if state is RunState.MISSING:
        return "The run no longer exists in Dagster."
    return f"The run had {state} without closing its session."


def failure_summary(session_id: str, failures: Failures) -> str:
    """Return one line for each instance that did not go well, the first ones where there are many.

    Empty when there is none; at most `LONGEST_SUMMARY` characters and how to see the rest.
    """
    lines = (
        visible_start(f"{item.instance}: {item.status}: {item.message}", LONGEST_LINE)
        for item in failures.first
    )
    shown = first_lines(lines, LONGEST_SUMMARY)
    more = failures.total - len(shown)
    if more > 0:
        shown.append(f"… and {more} more: sync-pipeline sessions show {session_id} --failed")
    return "\n".join(shown)
