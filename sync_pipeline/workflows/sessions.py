"""Opening, closing and reaping of sync sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sync_pipeline.model.failure import Failures
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.session import (
    NewSession,
    Session,
    SessionStatus,
    SyncType,
)
from sync_pipeline.model.text import first_lines, shortened
from sync_pipeline.store.store import Store

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
    """A session that the reaper closed, and why."""

    session: Session
    reason: str


def derive_sync_type(selection: Selection, instance_count: int, *, is_scheduled: bool) -> SyncType:
    """Say how a session was launched, from what launched it and what it selected."""
    if is_scheduled:
        return SyncType.SCHEDULED_TASK
    if selection.is_everything:
        return SyncType.MANUAL_TASK
    return SyncType.MANUAL_SINGLE if instance_count == 1 else SyncType.MANUAL_BATCH


def close_session(
    store: Store, new: NewSession, state: RunState, *, error: str | None, now: datetime
) -> Session:
    """Close the session of a run that is over, and return it.

    A run that ended before it opened its session leaves one too, with no instance, so
    that no run is without a record.

    Raises:
        ValueError: the run is still alive.
    """
    if state is RunState.ALIVE:
        raise ValueError("a session is closed only when its run is over")
    return store.sessions.close_or_record(new, _STATUS_OF_RUN[state], error, now)


def reap(
    store: Store,
    run_state: Callable[[Session], RunState],
    now: datetime,
    stale_after_seconds: int,
) -> tuple[Reaped, ...]:
    """Close every unfinished session whose run is over, unknown, or silent too long.

    A session whose run claims to be alive is left alone until its last sign of life is
    older than `stale_after_seconds`: then worker and code server died together, and no
    event will ever end the run.
    """
    reaped: list[Reaped] = []
    for session in store.sessions.unfinished():
        state = run_state(session)
        last_sign = session.heartbeat_at or session.started_at
        is_stale = now - last_sign > timedelta(seconds=stale_after_seconds)
        if state is RunState.ALIVE and not is_stale:
            continue
        reason = _reason(state, stale_after_seconds)
        final = RunState.FAILED if state is RunState.ALIVE else state
        closed = store.sessions.close_run(
            session.session_id, session.run_id, _STATUS_OF_RUN[final], reason, now
        )
        if closed is not None:
            reaped.append(Reaped(closed, reason))
    return tuple(reaped)


def _reason(state: RunState, stale_after_seconds: int) -> str:
    if state is RunState.ALIVE:
        return f"The run gave no sign of life for {stale_after_seconds} seconds."
    if state is RunState.MISSING:
        return "The run no longer exists in Dagster."
    return f"The run had {state} without closing its session."


def failure_summary(session_id: str, failures: Failures) -> str:
    """Return one line for each instance that did not go well, the first ones where there are many.

    Empty when there is none; at most `LONGEST_SUMMARY` characters and how to see the rest.
    """
    lines = (
        shortened(f"{item.instance}: {item.status}: {item.message}", LONGEST_LINE)
        for item in failures.first
    )
    shown = first_lines(lines, LONGEST_SUMMARY)
    more = failures.total - len(shown)
    if more > 0:
        shown.append(f"… and {more} more: sync-pipeline sessions show {session_id} --failed")
    return "\n".join(shown)
