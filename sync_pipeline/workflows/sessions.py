"""Opening, closing and reaping of sync sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sync_pipeline.model.instance import Selection
from sync_pipeline.model.session import (
    InstanceRecord,
    NewSession,
    RecordStatus,
    Session,
    SessionStatus,
    SyncType,
)
from sync_pipeline.store.store import Store


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


def failure_summary(records: Sequence[InstanceRecord]) -> str:
    """Return one line for each instance that failed or was cancelled; empty when none."""
    return "\n".join(
        f"{record.instance_name}: {record.status}: {record.error_message or 'no reason recorded'}"
        for record in records
        if record.status in (RecordStatus.FAILED, RecordStatus.CANCELLED)
    )
