"""Sessions and their records: a state machine in which no end is ever lost.

Every change of a record runs in a transaction that first locks the session's row, so
that of two workers that finish together the second sees what the first wrote; the
transaction that ends the last record closes the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from sync_pipeline.errors import ConfigurationError, Phase, StaleClaim
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
    SyncCounters,
    SyncType,
)
from sync_pipeline.store.database import Database, chunks
from sync_pipeline.store.leases import release_of_run
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_sessions as sessions

NO_INSTANCE = "No active instance matched, so there was nothing to sync."
UNOPENED = "The run ended before it opened its session."
_UNFINISHED = (str(RecordStatus.PENDING), str(RecordStatus.RUNNING))
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

    def open(self, new: NewSession, chosen: Sequence[Instance], now: datetime) -> Session:
        """Write the session and a pending record for every instance, in one transaction.

        A session that exists already is continued (a re-execution of its root run):
        exactly the records of these instances are reopened.

        Raises:
            StaleClaim: the run is over already, so it may start nothing more.
        """
        with self._database.write() as connection:
            known = _locked(connection, new.session_id)
            if known is None:
                connection.execute(insert(sessions).values(_new_row(new, now)))
            else:
                _require_unended(known, new.run_id)
                connection.execute(
                    update(sessions)
                    .where(sessions.c.session_id == new.session_id)
                    .values(run_id=new.run_id, ended_run_id=None)
                )
            _open_records(connection, new, chosen)
            _settle(connection, new.session_id, now)
            if not chosen:
                connection.execute(
                    update(sessions)
                    .where(sessions.c.session_id == new.session_id, sessions.c.total_instances == 0)
                    .values(
                        status=str(SessionStatus.COMPLETED), completed_at=now, error=NO_INSTANCE
                    )
                )
            return _session(_required(connection, new.session_id))

    def claim(self, session_id: str, instance_id: int, run_id: str, now: datetime) -> RecordClaim:
        """Take a record for work: it runs, under a new attempt number.

        Raises:
            StaleClaim: the run is over, so its workers may start nothing more.
            ConfigurationError: the session has no record of this instance.
        """
        with self._database.write() as connection:
            _require_unended(_required(connection, session_id, lock=True), run_id)
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
            _settle(connection, session_id, now)
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
            _locked(connection, claim.session_id)
            write_fenced(connection, claim, values)
            _settle(connection, claim.session_id, now)

    def finish(self, claim: RecordClaim, outcome: RecordOutcome, now: datetime) -> None:
        """End a record, and its session where it was the last.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster.
        """
        with self._database.write() as connection:
            finish(connection, claim, outcome, now)

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
            session = _locked(connection, session_id)
            if session is None or session.run_id != run_id:
                return False
            done = connection.execute(
                update(records)
                .where(
                    records.c.session_id == session_id,
                    records.c.instance_id == instance_id,
                    records.c.status.in_(_UNFINISHED),
                )
                .values(
                    status=str(RecordStatus.FAILED),
                    error_kind=error_kind,
                    error_message=message,
                    completed_at=now,
                )
            )
            if done.rowcount:
                _settle(connection, session_id, now)
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
            session = _locked(connection, session_id)
            if session is None:
                return None
            return _close(connection, session, run_id, status, error, now)

    def close_or_record(
        self, new: NewSession, status: SessionStatus, error: str | None, now: datetime
    ) -> Session:
        """End a session as `close_run` does; record it where its run never opened it.

        Such a session has no instance, and its run can't open it any more.
        """
        with self._database.write() as connection:
            session = _locked(connection, new.session_id)
            if session is None:
                connection.execute(insert(sessions).values(_new_row(new, now)))
                session = _required(connection, new.session_id)
                error = error or UNOPENED
            return _close(connection, session, new.run_id, status, error, now)

    def heartbeat(self, session_id: str, now: datetime) -> None:
        """Note that a session's run is alive."""
        with self._database.write() as connection:
            connection.execute(
                update(sessions).where(sessions.c.session_id == session_id).values(heartbeat_at=now)
            )

    def get(self, session_id: str) -> Session | None:
        """Return a session by its id or by a prefix that only one has."""
        escaped = session_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        query = select(sessions).where(sessions.c.session_id.like(f"{escaped}%", escape="\\"))
        with self._database.read() as connection:
            found = connection.execute(query.limit(2)).all()
            return _session(found[0]) if len(found) == 1 else None

    def records(self, session_id: str) -> list[InstanceRecord]:
        """Return the records of a session, by instance name."""
        query = select(records).where(records.c.session_id == session_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(records.c.instance_name))
            return [_record(row) for row in rows]

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
            return [_session(row) for row in connection.execute(ordered.limit(wanted.limit))]

    def unfinished(self, category: SyncCategory) -> Sequence[Session]:
        """Return the sessions that have not ended, oldest first."""
        query = select(sessions).where(
            sessions.c.sync_category == str(category),
            sessions.c.status.in_((str(SessionStatus.PENDING), str(SessionStatus.RUNNING))),
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.started_at))
            return [_session(row) for row in rows]


def finish(
    connection: Connection, claim: RecordClaim, outcome: RecordOutcome, now: datetime
) -> None:
    """End a record within a caller's transaction; see `SessionStore.finish`."""
    _locked(connection, claim.session_id)
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
    _settle(connection, claim.session_id, now)


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


def _close(
    connection: Connection,
    session: Row[Any],
    run_id: str,
    status: SessionStatus,
    error: str | None,
    now: datetime,
) -> Session:
    release_of_run(connection, run_id)
    if session.run_id != run_id or session.ended_run_id == run_id:
        return _session(session)
    session_id = session.session_id
    _end_unfinished(connection, session_id, status, error, now)
    connection.execute(
        update(sessions).where(sessions.c.session_id == session_id).values(ended_run_id=run_id)
    )
    _settle(connection, session_id, now, run_status=status, run_error=error)
    return _session(_required(connection, session_id))


def _new_row(new: NewSession, now: datetime) -> dict[str, Any]:
    return {
        "session_id": new.session_id,
        "sync_type": str(new.sync_type),
        "sync_category": str(new.category),
        "status": str(SessionStatus.PENDING),
        "started_at": now,
        "total_instances": 0,
        "successful_instances": 0,
        "failed_instances": 0,
        "skipped_instances": 0,
        "cancelled_instances": 0,
        "created_by": new.created_by,
        "job_name": new.job_name,
        "run_id": new.run_id,
        "partition_key": new.partition_key,
        "heartbeat_at": now,
    }


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
        .where(records.c.session_id == session_id, records.c.status.in_(_UNFINISHED))
        .values(
            status=str(ended),
            error_kind="cancelled" if is_cancelled else "run_ended",
            # The reason of the attempt before a retry says more than the run's end.
            error_message=func.coalesce(records.c.error_message + " ", "") + reason,
            completed_at=now,
        )
    )


def _settle(
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
        if any(counts.get(status) for status in _UNFINISHED):
            return SessionStatus.RUNNING
    if run_status is SessionStatus.CANCELLED:
        return SessionStatus.CANCELLED
    if counts.get(RecordStatus.FAILED) or run_status is SessionStatus.FAILED:
        return SessionStatus.FAILED
    if counts.get(RecordStatus.CANCELLED):
        return SessionStatus.CANCELLED
    return SessionStatus.COMPLETED


def _require_unended(session: Row[Any], run_id: str) -> None:
    if session.ended_run_id == run_id:
        raise StaleClaim(f"The run {run_id} is over; this worker came too late.", phase=Phase.STORE)


def _locked(connection: Connection, session_id: str) -> Row[Any] | None:
    """Return the session's row, locked against every other change of its records."""
    return connection.execute(
        select(sessions).where(sessions.c.session_id == session_id).with_for_update()
    ).first()


def _required(connection: Connection, session_id: str, *, lock: bool = False) -> Row[Any]:
    query = select(sessions).where(sessions.c.session_id == session_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise ConfigurationError(
            f"The session {session_id} does not exist.", hint="See: sync-pipeline sessions list."
        )
    return row


def _session(row: Row[Any]) -> Session:
    return Session(
        session_id=row.session_id,
        sync_type=SyncType(row.sync_type),
        category=SyncCategory(row.sync_category),
        status=SessionStatus(row.status),
        started_at=row.started_at,
        completed_at=row.completed_at,
        total=row.total_instances,
        successful=row.successful_instances,
        failed=row.failed_instances,
        skipped=row.skipped_instances,
        cancelled=row.cancelled_instances,
        job_name=row.job_name,
        run_id=row.run_id,
        created_by=row.created_by,
        partition_key=row.partition_key,
        error=row.error,
        heartbeat_at=row.heartbeat_at,
    )


def _record(row: Row[Any]) -> InstanceRecord:
    return InstanceRecord(
        session_id=row.session_id,
        instance_id=row.instance_id,
        instance_name=row.instance_name,
        category=SyncCategory(row.sync_category),
        status=RecordStatus(row.status),
        attempt=row.attempt,
        started_at=row.started_at,
        completed_at=row.completed_at,
        counters=SyncCounters(
            row.items_synced, row.items_created, row.items_updated, row.items_deleted
        ),
        error_kind=row.error_kind,
        error_message=row.error_message,
        details=row.sync_details,
    )
