"""Sessions and their records: each method is one transaction of the state machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    InstanceRecord,
    NewSession,
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    Session,
    SessionFilter,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.store.database import Database, chunks
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.session_rows import new_row, record_of, session_of
from sync_pipeline.store.session_state import (
    UNFINISHED,
    end_run,
    finish_record,
    locked,
    require_unended,
    required,
    settle,
    write_fenced,
)

NO_INSTANCE = "No active instance matched, so there was nothing to sync."
UNOPENED = "The run ended before it opened its session."
_CLEAN: dict[str, Any] = {
    "items_synced": 0,
    "items_created": 0,
    "items_updated": 0,
    "items_deleted": 0,
    "error_kind": None,
    "error_message": None,
    "completed_at": None,
    "sync_details": {},
}


class SessionStore:
    """The tables of sessions and records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        new: NewSession,
        chosen: Sequence[Instance],
        now: datetime,
        nothing: str = NO_INSTANCE,
    ) -> Session:
        """Write the session and a pending record for every instance, in one transaction.

        `nothing` is what a session without an instance says.

        A session that exists already is continued (a re-execution of its root run):
        exactly the records of these instances are reopened.

        Raises:
            StaleClaim: the run is over already, so it may start nothing more.
        """
        with self._database.write() as connection:
            known = locked(connection, new.session_id)
            if known is None:
                connection.execute(insert(sessions).values(new_row(new, now)))
            else:
                require_unended(known, new.run_id)
                connection.execute(
                    update(sessions)
                    .where(sessions.c.session_id == new.session_id)
                    .values(run_id=new.run_id, ended_run_id=None)
                )
            _open_records(connection, new, chosen)
            settle(connection, new.session_id, now)
            if not chosen:
                connection.execute(
                    update(sessions)
                    .where(sessions.c.session_id == new.session_id, sessions.c.total_instances == 0)
                    .values(status=str(SessionStatus.COMPLETED), completed_at=now, error=nothing)
                )
            return session_of(required(connection, new.session_id))

    def claim(self, session_id: str, instance_id: int, run_id: str, now: datetime) -> RecordClaim:
        """Take a record for work: it runs, under a new attempt number.

        Raises:
            StaleClaim: the run is over, so its workers may start nothing more.
            ConfigurationError: the session has no record of this instance.
        """
        with self._database.write() as connection:
            require_unended(required(connection, session_id, lock=True), run_id)
            row = connection.execute(
                select(records).where(
                    records.c.session_id == session_id, records.c.instance_id == instance_id
                )
            ).first()
            if row is None:
                raise ConfigurationError(
                    f"The session {session_id} has no record of instance {instance_id}.",
                    phase=Phase.STORE,
                )
            attempt = row.attempt + 1
            connection.execute(
                update(records)
                .where(records.c.id == row.id)
                .values(**_CLEAN, status=str(RecordStatus.RUNNING), attempt=attempt, started_at=now)
            )
            connection.execute(
                update(sessions)
                .where(sessions.c.session_id == session_id)
                .values(run_id=run_id, ended_run_id=None, error=None)
            )
            settle(connection, session_id, now)
            return RecordClaim(session_id, instance_id, row.instance_name, attempt)

    def release(
        self, claim: RecordClaim, error_kind: str, error_message: str, now: datetime
    ) -> None:
        """Put a record back to pending, with its reason, because a retry follows.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster.
        """
        values = {
            "status": str(RecordStatus.PENDING),
            "error_kind": error_kind,
            "error_message": error_message,
        }
        with self._database.write() as connection:
            locked(connection, claim.session_id)
            write_fenced(connection, claim, values)
            settle(connection, claim.session_id, now)

    def finish(self, claim: RecordClaim, outcome: RecordOutcome, now: datetime) -> None:
        """End a record, and its session where it was the last.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster.
        """
        with self._database.write() as connection:
            finish_record(connection, claim, outcome, now)

    def fail_unfinished(
        self,
        session_id: str,
        instance_id: int,
        run_id: str,
        error_kind: str,
        message: str,
        now: datetime,
    ) -> bool:
        """Fail a record that its run left open; return whether there was anything to do.

        A record that a newer run of the session has reopened is left to that run.
        """
        with self._database.write() as connection:
            session = locked(connection, session_id)
            if session is None or session.run_id != run_id:
                return False
            done = connection.execute(
                update(records)
                .where(
                    records.c.session_id == session_id,
                    records.c.instance_id == instance_id,
                    records.c.status.in_(UNFINISHED),
                )
                .values(
                    status=str(RecordStatus.FAILED),
                    error_kind=error_kind,
                    error_message=message,
                    completed_at=now,
                )
            )
            if done.rowcount:
                settle(connection, session_id, now)
            return bool(done.rowcount)

    def close_run(
        self,
        session_id: str,
        run_id: str,
        status: SessionStatus,
        error: str | None,
        now: datetime,
    ) -> Session | None:
        """End a session whose run is over; None where there is no such session.

        Records that the run left open are cancelled with a cancelled run, and failed
        otherwise. A session that a newer run continues is left to that run.
        """
        with self._database.write() as connection:
            session = locked(connection, session_id)
            if session is None:
                return None
            return end_run(connection, session, run_id, status, error, now)

    def close_or_record(
        self, new: NewSession, status: SessionStatus, error: str | None, now: datetime
    ) -> Session:
        """End a session as `close_run` does; record it where its run never opened it.

        Such a session has no instance, and its run can't open it any more.
        """
        with self._database.write() as connection:
            session = locked(connection, new.session_id)
            if session is None:
                connection.execute(insert(sessions).values(new_row(new, now)))
                session = required(connection, new.session_id)
                error = error or UNOPENED
            return end_run(connection, session, new.run_id, status, error, now)

    def get(self, session_id: str) -> Session | None:
        """Return a session by its id or by a prefix that only one has."""
        escaped = session_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        query = select(sessions).where(sessions.c.session_id.like(f"{escaped}%", escape="\\"))
        with self._database.read() as connection:
            found = connection.execute(query.limit(2)).all()
            return session_of(found[0]) if len(found) == 1 else None

    def records(self, session_id: str) -> list[InstanceRecord]:
        """Return the records of a session, by instance name."""
        query = select(records).where(records.c.session_id == session_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(records.c.instance_name))
            return [record_of(row) for row in rows]

    def is_open(self, session_id: str, instance_id: int) -> bool:
        """Return whether a record has not ended."""
        query = select(records.c.status).where(
            records.c.session_id == session_id, records.c.instance_id == instance_id
        )
        with self._database.read() as connection:
            return connection.scalar(query) in UNFINISHED

    def list(self, wanted: SessionFilter) -> list[Session]:
        """Return sessions, newest first."""
        query = select(sessions)
        if wanted.category is not None:
            query = query.where(sessions.c.sync_category == str(wanted.category))
        if wanted.status is not None:
            query = query.where(sessions.c.status == str(wanted.status))
        if wanted.instance is not None:
            of_instance = select(records.c.session_id).where(
                records.c.instance_name == wanted.instance
            )
            query = query.where(sessions.c.session_id.in_(of_instance))
        ordered = query.order_by(sessions.c.started_at.desc(), sessions.c.session_id)
        with self._database.read() as connection:
            return [session_of(row) for row in connection.execute(ordered.limit(wanted.limit))]

    def newest(self, category: SyncCategory, since: datetime) -> Session | None:
        """Return the session of a category that began last, at `since` or later."""
        query = select(sessions).where(
            sessions.c.sync_category == str(category), sessions.c.started_at >= since
        )
        with self._database.read() as connection:
            row = connection.execute(query.order_by(sessions.c.started_at.desc())).first()
            return session_of(row) if row else None

    def unfinished(self, category: SyncCategory | None = None) -> Sequence[Session]:
        """Return the sessions (of one category, or all) that have not ended, oldest first."""
        query = select(sessions).where(
            sessions.c.status.in_((str(SessionStatus.PENDING), str(SessionStatus.RUNNING)))
        )
        if category is not None:
            query = query.where(sessions.c.sync_category == str(category))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.started_at))
            return [session_of(row) for row in rows]


def _open_records(connection: Connection, new: NewSession, chosen: Sequence[Instance]) -> None:
    query = select(records.c.instance_id).where(records.c.session_id == new.session_id)
    existing = set(connection.scalars(query))
    again = [item.id for item in chosen if item.id in existing]
    if again:
        connection.execute(
            update(records)
            .where(records.c.session_id == new.session_id, records.c.instance_id.in_(again))
            .values(**_CLEAN, status=str(RecordStatus.PENDING))
        )
    rows = [
        {
            **_CLEAN,
            "session_id": new.session_id,
            "instance_id": item.id,
            "instance_name": item.name,
            "sync_category": str(new.category),
            "status": str(RecordStatus.PENDING),
            "attempt": 0,
        }
        for item in chosen
        if item.id not in existing
    ]
    for chunk in chunks(rows):
        connection.execute(insert(records), list(chunk))
