"""The counts and the status of a session, within a caller's transaction.

A record that changes moves the counts by what it changed: nothing is counted again, so
that a record of ten thousand costs what a record of ten does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.sessions.runs import deciding, runs_of

ERRORS_SHOWN = 3
COUNTED = {
    RecordStatus.COMPLETED: sessions.c.successful_instances,
    RecordStatus.FAILED: sessions.c.failed_instances,
    RecordStatus.SKIPPED: sessions.c.skipped_instances,
    RecordStatus.CANCELLED: sessions.c.cancelled_instances,
}
"""The count of each terminal status; what is in none of them is open."""
_COUNT = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("of_session"))
    .values(
        {
            **{column: column + bindparam(f"more_{status}") for status, column in COUNTED.items()},
            sessions.c.total_instances: sessions.c.total_instances + bindparam("more_total"),
        }
    )
    .returning(sessions.c.status, sessions.c.total_instances, *COUNTED.values())
)


def count(
    connection: Connection,
    session_id: str,
    changes: Mapping[RecordStatus, int],
    now: datetime,
    *,
    added: int = 0,
    must_settle: bool = False,
) -> None:
    """Move the counts, and the status where these changes or the caller call for it.

    `changes` are records more (or less) by their status; `added` are new records. The
    row stays locked until the transaction ends, so this is its last step.
    """
    more = {f"more_{status}": changes.get(status, 0) for status in COUNTED}
    row = connection.execute(_COUNT, {**more, "more_total": added, "of_session": session_id}).one()
    if must_settle or row.status != str(SessionStatus.RUNNING) or not open_count(row):
        settle(connection, session_id, now, is_begun=changes.get(RecordStatus.RUNNING, 0) > 0)


def settle(
    connection: Connection, session_id: str, now: datetime, *, is_begun: bool = False
) -> None:
    """Derive status, reason and newest run from the counts and the runs.

    `is_begun` says that work on a record begins. The caller holds the row's lock.
    """
    session = required(connection, session_id)
    rows = runs_of(connection, session_id)
    status = _status(session, rows, is_begun=is_begun)
    opened = [row.run_id for row in rows if row.started_at is not None]
    connection.execute(
        update(sessions)
        .where(sessions.c.session_id == session_id)
        .values(
            status=str(status),
            completed_at=(session.completed_at or now) if status.is_terminal else None,
            error=_reason(deciding(rows)),
            run_id=opened[-1] if opened else session.run_id,
        )
    )


def required(connection: Connection, session_id: str) -> Row[Any]:
    """Return the session's row.

    Raises:
        ConfigurationError: there is no such session.
    """
    row = find(connection, session_id)
    if row is None:
        raise ConfigurationError(
            f"The session {session_id} does not exist.", hint="See: sync-pipeline sessions list."
        )
    return row


def find(connection: Connection, session_id: str) -> Row[Any] | None:
    """Return the session's row, where there is one."""
    query = select(sessions).where(sessions.c.session_id == session_id)
    return connection.execute(query).first()


def open_count(row: Row[Any]) -> int:
    """Return how many records of a session are pending or running."""
    ended = row.successful_instances + row.failed_instances
    ended += row.skipped_instances + row.cancelled_instances
    return int(row.total_instances - ended)


def _status(session: Row[Any], rows: Sequence[Row[Any]], *, is_begun: bool) -> SessionStatus:
    still_open = open_count(session)
    if still_open or not _is_planned(session, rows):
        was_begun = session.status == str(SessionStatus.RUNNING)
        if is_begun or was_begun or still_open < session.total_instances:
            return SessionStatus.RUNNING
        return SessionStatus.PENDING
    ends = {row.status for row in deciding(rows)}
    if str(SessionStatus.CANCELLED) in ends:
        return SessionStatus.CANCELLED
    if session.failed_instances or str(SessionStatus.FAILED) in ends:
        return SessionStatus.FAILED
    return SessionStatus.CANCELLED if session.cancelled_instances else SessionStatus.COMPLETED


def _is_planned(session: Row[Any], rows: Sequence[Row[Any]]) -> bool:
    """Return whether the session's records are there, or no run is left to write them."""
    if session.total_instances or any(row.started_at is not None for row in rows):
        return True
    ended = {row.shard for row in rows if row.ended_at is not None}
    return len(ended) >= int(session.shard_count)


def _reason(rows: Sequence[Row[Any]]) -> str | None:
    """Return why the runs that count did not end well, each reason once."""
    errors = list(dict.fromkeys(row.error for row in rows if row.error))
    more = len(errors) - ERRORS_SHOWN
    shown = errors[:ERRORS_SHOWN] + ([f"And {more} more."] if more > 0 else [])
    return " ".join(shown) or None
