"""Sessions and their records: each method is one transaction of the state machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, exists, or_, select, update

from sync_pipeline.model.event import Event
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    NO_INSTANCE,
    UNOPENED,
    InstanceRecord,
    NewSession,
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    Session,
    SessionFilter,
    SessionRun,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.events.refusals import write_refusal
from sync_pipeline.store.schema import SESSION_ID_LENGTH, instances
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_session_runs as runs
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.sessions.attempts import keep_failed
from sync_pipeline.store.sessions.counts import find, required
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.sessions.rows import record_of, session_of
from sync_pipeline.store.sessions.runs import create_session, lock_runs, runs_of, session_runs
from sync_pipeline.store.sessions.state import (
    UNFINISHED,
    end_run,
    fail_record,
    open_run,
    take_record,
    write_fenced,
)

UNENDED = (str(SessionStatus.PENDING), str(SessionStatus.RUNNING))


class SessionStore:
    """The tables of sessions and records."""

    def __init__(self, database: Database, ends: RecordEnds) -> None:
        self._database = database
        self._ends = ends

    def open(
        self,
        new: NewSession,
        chosen: Sequence[Instance],
        now: datetime,
        nothing: str = NO_INSTANCE,
    ) -> Session:
        """Write the session and a pending record for every instance, in one transaction.

        The run that comes first writes the records of every shard: which instances a
        session has, and in which shard each is, is decided once. A later run gets the
        records of its shard that no run had yet, and those of the chosen instances that
        are not completed and that no run is at work on: they begin again, and how they
        ended is kept as an attempt.

        `nothing` is what a run without an instance says.

        Raises:
            StaleClaim: the run is over already, so it may start nothing more.
        """
        for instance in chosen:
            self._ends.forget(new.session_id, instance.id)
        with self._database.write() as connection:
            create_session(connection, new, now)
            open_run(connection, new, chosen, now, nothing)
            return session_of(required(connection, new.session_id))

    def open_once(self, new: NewSession, chosen: Sequence[Instance], now: datetime) -> None:
        """Open a session as `open` does, unless a worker of the same run has done so.

        Raises:
            StaleClaim: the run is over already, so it may start nothing more.
        """
        with self._database.write() as connection:
            create_session(connection, new, now)
            if not any(row.run_id == new.run_id for row in lock_runs(connection, new.session_id)):
                open_run(connection, new, chosen, now, NO_INSTANCE)

    def claim(self, session_id: str, instance_id: int, run_id: str, now: datetime) -> RecordClaim:
        """Take a record for work: it runs, under a new attempt number.

        Raises:
            StaleClaim: the run is over, so its workers may start nothing more, or a newer
                run has the record.
            ConfigurationError: the session has no record of this instance.
        """
        self._ends.forget(session_id, instance_id)
        with self._database.write() as connection:
            return take_record(connection, session_id, instance_id, run_id, now)

    def release(
        self,
        claim: RecordClaim,
        error_kind: str,
        error_message: str,
        now: datetime | None = None,
    ) -> None:
        """Put a record back to pending, with its reason, because a retry follows.

        The attempt is kept, with its end where `now` says it.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster.
        """
        values = {
            "status": str(RecordStatus.PENDING),
            "error_kind": error_kind,
            "error_message": error_message,
        }
        with self._database.write() as connection:
            write_fenced(connection, claim, values)
            keep_failed(connection, claim, error_kind, error_message, now)

    def finish(
        self,
        claim: RecordClaim,
        outcome: RecordOutcome,
        now: datetime,
        refusal: Event | None = None,
    ) -> None:
        """End a record, and its session where it was the last.

        `refusal` says that the sync was refused, where nobody was told that yet.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster.
        """
        with self._ends.writing(claim, outcome, now) as connection:
            if refusal is not None:
                write_refusal(connection, claim, refusal, outcome.error_kind or "")

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

        It counts for the breaker as what `finish` writes does.
        A record that a newer run of the session has reopened is left to that run.
        """
        with self._database.write() as connection:
            return fail_record(
                connection, session_id, instance_id, run_id, error_kind, message, now
            )

    def close_run(
        self,
        session_id: str,
        run_id: str | None,
        status: SessionStatus,
        error: str | None,
        now: datetime,
        shard: int = 1,
    ) -> Session | None:
        """End a run of a session; None where there is no such session.

        Records that the run left open are cancelled with a cancelled run, and failed
        otherwise, and so are those of its shard that no run ever had. Records that
        another run has are left to that run. Without a run id, the shard is closed as
        one whose run was never launched.
        """
        run = SessionRun(session_id, shard, run_id, status, None, now, error)
        with self._database.write() as connection:
            if find(connection, session_id) is None:
                return None
            end_run(connection, run, now)
            return session_of(required(connection, session_id))

    def close_or_record(
        self, new: NewSession, status: SessionStatus, error: str | None, now: datetime
    ) -> Session:
        """End a run as `close_run` does; record it where it never opened its session.

        Such a run leaves its records to nobody: it can't open the session any more.
        """
        session_id = new.session_id
        with self._database.write() as connection:
            create_session(connection, new, now)
            is_known = any(row.run_id == new.run_id for row in runs_of(connection, session_id))
            reason = error or (None if is_known else UNOPENED)
            shard = new.shard.number
            run = SessionRun(session_id, shard, new.run_id, status, None, now, reason)
            end_run(connection, run, now)
            return session_of(required(connection, session_id))

    def runs(self, session_id: str) -> list[SessionRun]:
        """Return the runs of a session, by shard, oldest first."""
        with self._database.read() as connection:
            return session_runs(connection, session_id)

    def give_sign(self, session_id: str, run_id: str, now: datetime) -> None:
        """Note that a run is alive, where it has opened its session and not ended."""
        statement = update(runs).where(
            runs.c.session_id == session_id, runs.c.run_id == run_id, runs.c.ended_at.is_(None)
        )
        with self._database.write_once() as connection:
            connection.execute(statement.values(last_sign_at=now))

    def signs(self) -> dict[str, datetime]:
        """Return the last sign of life of each run at work, by the clock of its machine."""
        query = (
            select(runs.c.run_id, runs.c.last_sign_at)
            .join_from(sessions, runs)
            .where(
                sessions.c.status.in_(UNENDED),
                runs.c.ended_at.is_(None),
                runs.c.last_sign_at.is_not(None),
            )
        )
        with self._database.read_once() as connection:
            return {row.run_id: row.last_sign_at for row in connection.execute(query)}

    def pending_of(self, session_id: str, run_id: str) -> list[tuple[int, str]]:
        """Return the instances (id and name) whose record waits for a run, by name."""
        query = select(records.c.instance_id, records.c.instance_name).where(
            records.c.session_id == session_id,
            records.c.run_id == run_id,
            records.c.status == str(RecordStatus.PENDING),
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(records.c.instance_name))
            return [(row.instance_id, row.instance_name) for row in rows]

    def has_others(self, session_id: str, run_id: str, but: Collection[int]) -> bool:
        """Return whether a run is at work, or will be, on any instance but these.

        One that waits for a retry is not counted.
        """
        is_begun = records.c.status == str(RecordStatus.RUNNING)
        is_new = and_(records.c.status == str(RecordStatus.PENDING), records.c.error_kind.is_(None))
        query = select(records.c.id).where(
            records.c.session_id == session_id,
            records.c.run_id == run_id,
            records.c.instance_id.not_in(but),
            or_(is_begun, is_new),
        )
        with self._database.read_once() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def get(self, session_id: str) -> Session | None:
        """Return a session by its id or by a prefix that only one has."""
        escaped = session_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        is_called = (
            sessions.c.session_id == session_id
            if len(session_id) == SESSION_ID_LENGTH
            else sessions.c.session_id.like(f"{escaped}%", escape="\\")
        )
        query = select(sessions).where(is_called)
        with self._database.read_once() as connection:
            found = connection.execute(query.limit(2)).all()
            return session_of(found[0]) if len(found) == 1 else None

    def records(self, session_id: str) -> list[InstanceRecord]:
        """Return the records of a session, by instance name."""
        query = select(records).where(records.c.session_id == session_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(records.c.instance_name))
            return [record_of(row) for row in rows]

    def left_open(self, session_id: str, run_id: str) -> set[int]:
        """Return the instances whose records a run has and did not end."""
        query = select(records.c.instance_id).where(
            records.c.session_id == session_id,
            records.c.run_id == run_id,
            records.c.status.in_(UNFINISHED),
        )
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def is_open(self, session_id: str, instance_id: int) -> bool:
        """Return whether a record has not ended.

        What this process ended is known. Only a newer run begins it again elsewhere, and
        then it is that run's.
        """
        if self._ends.is_written(session_id, instance_id):
            return False
        query = select(records.c.status).where(
            records.c.session_id == session_id, records.c.instance_id == instance_id
        )
        with self._database.read_once() as connection:
            return connection.scalar(query) in UNFINISHED

    def list(self, wanted: SessionFilter) -> list[Session]:
        """Return sessions, newest first."""
        query = select(sessions)
        if wanted.category is not None:
            query = query.where(sessions.c.sync_category == str(wanted.category))
        if wanted.status is not None:
            query = query.where(sessions.c.status == str(wanted.status))
        ordered = query.order_by(sessions.c.started_at.desc(), sessions.c.session_id)
        with self._database.read() as connection:
            if wanted.instances is not None:
                # A seek for each session, newest first, instead of all records of the instances.
                named = among(connection, instances.c.name, wanted.instances)
                has_record = exists().where(
                    records.c.session_id == sessions.c.session_id,
                    records.c.instance_id.in_(select(instances.c.id).where(named)),
                )
                ordered = ordered.where(has_record)
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
        query = select(sessions).where(sessions.c.status.in_(UNENDED))
        if category is not None:
            query = query.where(sessions.c.sync_category == str(category))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.started_at))
            return [session_of(row) for row in rows]
