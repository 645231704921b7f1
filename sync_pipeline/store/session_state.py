"""The state machine of sessions and records, within a caller's transaction.

Every change of a record runs in a transaction that first locks the session's row, so
that of two workers that finish together the second sees what the first wrote; the
transaction that ends the last record closes the session.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from sync_pipeline.errors import ConfigurationError, Phase, StaleClaim
from sync_pipeline.model.session import (
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    Session,
    SessionStatus,
)
from sync_pipeline.store.leases import release_of_run
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.session_rows import session_of

UNFINISHED = (str(RecordStatus.PENDING), str(RecordStatus.RUNNING))


def finish_record(
    connection: Connection, claim: RecordClaim, outcome: RecordOutcome, now: datetime
) -> None:
    """End a record within a caller's transaction; see `SessionStore.finish`."""
    locked(connection, claim.session_id)
    values = {
        "status": str(outcome.status),
        "items_synced": outcome.counters.items_synced,
        "items_created": outcome.counters.items_created,
        "items_updated": outcome.counters.items_updated,
        "items_deleted": outcome.counters.items_deleted,
        "error_kind": outcome.error_kind,
        "error_message": outcome.error_message,
        "sync_details": dict(outcome.details),
        "completed_at": now,
    }
    write_fenced(connection, claim, values)
    settle(connection, claim.session_id, now)


def write_fenced(connection: Connection, claim: RecordClaim, values: dict[str, Any]) -> None:
    """Change a record only for the newest attempt, and only while it runs.

    Raises:
        StaleClaim: a newer attempt or the end of the run was faster.
    """
    done = connection.execute(
        update(records)
        .where(
            records.c.session_id == claim.session_id,
            records.c.instance_id == claim.instance_id,
            records.c.attempt == claim.attempt,
            records.c.status == str(RecordStatus.RUNNING),
        )
        .values(values)
    )
    if done.rowcount != 1:
        raise StaleClaim(
            f"Attempt {claim.attempt} no longer holds the record; nothing was written.",
            instance=claim.instance_name,
            phase=Phase.STORE,
        )


def end_run(
    connection: Connection,
    session: Row[Any],
    run_id: str,
    status: SessionStatus,
    error: str | None,
    now: datetime,
) -> Session:
    """End what a run left open; see `SessionStore.close_run`. `session` is its locked row."""
    release_of_run(connection, run_id)
    if session.run_id != run_id or session.ended_run_id == run_id:
        return session_of(session)
    session_id = session.session_id
    _end_unfinished(connection, session_id, status, error, now)
    connection.execute(
        update(sessions).where(sessions.c.session_id == session_id).values(ended_run_id=run_id)
    )
    settle(connection, session_id, now, run_status=status, run_error=error)
    return session_of(required(connection, session_id))


def _end_unfinished(
    connection: Connection,
    session_id: str,
    status: SessionStatus,
    error: str | None,
    now: datetime,
) -> None:
    is_cancelled = status is SessionStatus.CANCELLED
    ended = RecordStatus.CANCELLED if is_cancelled else RecordStatus.FAILED
    reason = error or (
        "The run was cancelled." if is_cancelled else "The run ended without an outcome."
    )
    connection.execute(
        update(records)
        .where(records.c.session_id == session_id, records.c.status.in_(UNFINISHED))
        .values(
            status=str(ended),
            error_kind="cancelled" if is_cancelled else "run_ended",
            # The reason of the attempt before a retry says more than the run's end.
            error_message=func.coalesce(records.c.error_message + " ", "") + reason,
            completed_at=now,
        )
    )


def settle(
    connection: Connection,
    session_id: str,
    now: datetime,
    run_status: SessionStatus | None = None,
    run_error: str | None = None,
) -> None:
    """Derive the session's counts and status from its records."""
    query = (
        select(records.c.status, func.count())
        .where(records.c.session_id == session_id)
        .group_by(records.c.status)
    )
    counts = {str(row[0]): int(row[1]) for row in connection.execute(query)}
    status = _derived(counts, run_status)
    values: dict[str, Any] = {
        "total_instances": sum(counts.values()),
        "successful_instances": counts.get(RecordStatus.COMPLETED, 0),
        "failed_instances": counts.get(RecordStatus.FAILED, 0),
        "skipped_instances": counts.get(RecordStatus.SKIPPED, 0),
        "cancelled_instances": counts.get(RecordStatus.CANCELLED, 0),
        "status": str(status),
        "completed_at": now if status.is_terminal else None,
        "heartbeat_at": now,
    }
    if run_error is not None:
        values["error"] = run_error
    connection.execute(update(sessions).where(sessions.c.session_id == session_id).values(values))


def _derived(counts: dict[str, int], run_status: SessionStatus | None) -> SessionStatus:
    if run_status is None:
        if not counts or counts.get(RecordStatus.PENDING) == sum(counts.values()):
            return SessionStatus.PENDING
        if any(counts.get(status) for status in UNFINISHED):
            return SessionStatus.RUNNING
    if run_status is SessionStatus.CANCELLED:
        return SessionStatus.CANCELLED
    if counts.get(RecordStatus.FAILED) or run_status is SessionStatus.FAILED:
        return SessionStatus.FAILED
    if counts.get(RecordStatus.CANCELLED):
        return SessionStatus.CANCELLED
    return SessionStatus.COMPLETED


def require_unended(session: Row[Any], run_id: str) -> None:
    """Raise StaleClaim where the run is over: its workers may start nothing more."""
    if session.ended_run_id == run_id:
        raise StaleClaim(f"The run {run_id} is over; this worker came too late.", phase=Phase.STORE)


def locked(connection: Connection, session_id: str) -> Row[Any] | None:
    """Return the session's row, locked against every other change of its records."""
    return connection.execute(
        select(sessions).where(sessions.c.session_id == session_id).with_for_update()
    ).first()


def required(connection: Connection, session_id: str, *, lock: bool = False) -> Row[Any]:
    """Return the session's row.

    Raises:
        ConfigurationError: there is no such session.
    """
    query = select(sessions).where(sessions.c.session_id == session_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise ConfigurationError(
            f"The session {session_id} does not exist.", hint="See: sync-pipeline sessions list."
        )
    return row
