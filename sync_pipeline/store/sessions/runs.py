"""The runs of sessions, within a caller's transaction.

Order of locks, the same in every transaction: rows of runs, then records, then the row
of the session, which all workers share and which is therefore taken last and briefly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from sync_pipeline.errors import Phase, StaleClaim
from sync_pipeline.model.session import NewSession, SessionRun, SessionStatus
from sync_pipeline.store.database import insert_new
from sync_pipeline.store.schema import sync_session_runs as runs
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.sessions.rows import new_row

_WORKING = (
    select(runs.c.id, runs.c.ended_at, sessions.c.status.label("session_status"))
    .join_from(runs, sessions)
    .where(runs.c.session_id == bindparam("of_session"), runs.c.run_id == bindparam("of_run"))
    .with_for_update(read=True, key_share=True, of=runs)
)


def working(connection: Connection, session_id: str, run_id: str) -> Row[Any] | None:
    """Return a run with its session's status, and keep the run from ending meanwhile.

    Workers of one run don't wait for each other here: they share the lock.

    Raises:
        StaleClaim: the run is over, so its workers may start nothing more.
    """
    row = connection.execute(_WORKING, {"of_session": session_id, "of_run": run_id}).first()
    if row is not None and row.ended_at is not None:
        raise StaleClaim(f"The run {run_id} is over; this worker came too late.", phase=Phase.STORE)
    return row


def lock_runs(connection: Connection, session_id: str) -> list[Row[Any]]:
    """Lock and return the runs of a session, oldest first.

    Runs open and end one after the other, and not while a worker begins something.
    """
    query = select(runs).where(runs.c.session_id == session_id).order_by(runs.c.id)
    connection.execute(query.with_for_update())
    return runs_of(connection, session_id)  # again: with what was waited for


def runs_of(connection: Connection, session_id: str) -> list[Row[Any]]:
    """Return the runs of a session, oldest first."""
    query = select(runs).where(runs.c.session_id == session_id).order_by(runs.c.id)
    return list(connection.execute(query))


def create_session(connection: Connection, new: NewSession, now: datetime) -> None:
    """Make the session's row where there is none; wait for another one who makes it."""
    insert_new(connection, sessions, new_row(new, now))


def begin_run(
    connection: Connection, session_id: str, shard: int, run_id: str, now: datetime
) -> None:
    """Note a run that begins to work, unless a worker of it has noted it already."""
    insert_new(
        connection,
        runs,
        {
            "session_id": session_id,
            "shard": shard,
            "run_id": run_id,
            "status": str(SessionStatus.RUNNING),
            "started_at": now,
            "last_sign_at": now,
        },
    )


def note_end(connection: Connection, known: Row[Any] | None, run: SessionRun) -> None:
    """Write that a run is over; `known` is its row where it has one."""
    values: dict[str, Any] = {"status": str(run.status), "ended_at": run.ended_at}
    if run.error is not None:
        values["error"] = run.error
    if known is not None:
        connection.execute(update(runs).where(runs.c.id == known.id).values(values))
        return
    key = {"session_id": run.session_id, "shard": run.shard, "run_id": run.run_id}
    connection.execute(insert(runs).values({**key, **values}))


def note_error(connection: Connection, session_id: str, run_id: str, text: str) -> None:
    """Keep with a run what its session has to say of it."""
    connection.execute(
        update(runs)
        .where(runs.c.session_id == session_id, runs.c.run_id == run_id)
        .values(error=text)
    )


def deciding(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the run that counts of each shard: the newest that opened, else the newest."""
    found: dict[int, Row[Any]] = {}
    for row in rows:
        before = found.get(row.shard)
        if row.started_at is not None or before is None or before.started_at is None:
            found[row.shard] = row
    return [found[shard] for shard in sorted(found)]


def session_runs(connection: Connection, session_id: str) -> list[SessionRun]:
    """Return the runs of a session by shard, oldest first."""
    rows = sorted(runs_of(connection, session_id), key=lambda row: (row.shard, row.id))
    return [
        SessionRun(
            session_id,
            row.shard,
            row.run_id,
            SessionStatus(row.status),
            row.started_at,
            row.ended_at,
            row.error,
        )
        for row in rows
    ]
