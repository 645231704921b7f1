"""What summaries ask of a session: counted and limited in the store, not after it.

A session may have 10,000 records with their details; a summary shows 50 lines of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, and_, exists, func, select

from sync_pipeline.model.failure import Failure, Failures
from sync_pipeline.model.session import (
    InstanceRecord,
    RecordAttempt,
    RecordStatus,
    Session,
    SessionStatus,
)
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_record_attempts as attempts
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.sessions.rows import attempt_of, record_of, session_of

BAD = (str(RecordStatus.FAILED), str(RecordStatus.CANCELLED))
NOT_WELL = (str(SessionStatus.FAILED), str(SessionStatus.CANCELLED))
LONGEST_MESSAGE = 300
"""Characters of an error that a summary shows; the record has all of it."""


class SessionReads:
    """Bounded reads of the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failures(self, session_id: str, limit: int, shard: int | None = None) -> Failures:
        """Return how many records failed or were cancelled, and the first ones by name.

        `shard` asks of one of the session's runs alone.
        """
        return self.failures_of([session_id], limit, shard)[session_id]

    def failures_of(
        self,
        session_ids: Sequence[str],
        limit: int,
        shard: int | None = None,
        instances: Sequence[int] | None = None,
    ) -> dict[str, Failures]:
        """Return what `failures` does of each of some sessions, in one statement.

        `instances` are the ids of those that are asked about; None: all.
        """
        message = func.substr(records.c.error_message, 1, LONGEST_MESSAGE + 1)
        of_session = records.c.session_id
        numbered = select(
            of_session,
            records.c.instance_name,
            records.c.status,
            records.c.error_kind,
            message.label("message"),
            func.count().over(partition_by=of_session).label("total"),
            func.row_number()
            .over(partition_by=of_session, order_by=records.c.instance_name)
            .label("number"),
        ).where(of_session.in_(list(session_ids)), records.c.status.in_(BAD))
        if shard is not None:
            numbered = numbered.where(records.c.shard == shard)
        found: dict[str, Failures] = {item: Failures() for item in session_ids}
        with self._database.read() as connection:
            if instances is not None:
                numbered = numbered.where(among(connection, records.c.instance_id, instances))
            each = numbered.subquery("numbered")
            query = select(each).where(each.c.number <= limit)
            rows = connection.execute(query.order_by(each.c.session_id, each.c.number)).all()
        for session_id, own in groupby(rows, key=lambda row: row.session_id):
            first = list(own)
            found[session_id] = Failures(first[0].total, tuple(map(_failure, first)))
        return found

    def not_well(
        self, since: datetime, limit: int, instances: Sequence[int] | None = None
    ) -> list[Session]:
        """Return the sessions begun since a moment that failed or were cancelled, newest first.

        `instances` are the ids of those that are asked about: of these a session has a record that
        did, however the session itself ended. None: all.
        """
        query = select(sessions).where(sessions.c.started_at >= since)
        ordered = query.order_by(sessions.c.started_at.desc(), sessions.c.session_id)
        with self._database.read() as connection:
            if instances is None:
                ordered = ordered.where(sessions.c.status.in_(NOT_WELL))
            else:
                own = among(connection, records.c.instance_id, instances)
                of_session = records.c.session_id == sessions.c.session_id
                ordered = ordered.where(exists().where(of_session, records.c.status.in_(BAD), own))
            return [session_of(row) for row in connection.execute(ordered.limit(limit))]

    def failed_records(self, session_id: str) -> list[InstanceRecord]:
        """Return the whole records that failed or were cancelled, by instance name."""
        query = select(records).where(records.c.session_id == session_id, records.c.status.in_(BAD))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(records.c.instance_name))
            return [record_of(row) for row in rows]

    def instance_ids(self, session_id: str, limit: int) -> list[int]:
        """Return the instances of a session, at most `limit`, by name."""
        query = (
            select(records.c.instance_id)
            .where(records.c.session_id == session_id)
            .order_by(records.c.instance_name)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def left_of(self, session_id: str, shard: int) -> list[tuple[int, str]] | None:
        """Return the instances (id and name) of a shard that are not completed, by name.

        None where the session has no records, because no run of it got that far.
        """
        of_session = records.c.session_id == session_id
        query = select(records.c.instance_id, records.c.instance_name).where(
            of_session, records.c.shard == shard, records.c.status != str(RecordStatus.COMPLETED)
        )
        with self._database.read() as connection:
            if connection.execute(select(records.c.id).where(of_session).limit(1)).first() is None:
                return None
            rows = connection.execute(query.order_by(records.c.instance_name))
            return [(row.instance_id, row.instance_name) for row in rows]

    def of_shard(self, session_id: str, shard: int) -> set[int]:
        """Return the instances of a shard of a session."""
        query = select(records.c.instance_id).where(
            records.c.session_id == session_id, records.c.shard == shard
        )
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def attempts(self, session_id: str) -> list[RecordAttempt]:
        """Return the attempts before the newest of each record, by instance, oldest first."""
        query = (
            select(attempts, records.c.instance_name)
            .join_from(
                attempts,
                records,
                and_(
                    records.c.session_id == attempts.c.session_id,
                    records.c.instance_id == attempts.c.instance_id,
                ),
            )
            .where(attempts.c.session_id == session_id)
            .order_by(records.c.instance_name, attempts.c.id)
        )
        with self._database.read() as connection:
            return [attempt_of(row) for row in connection.execute(query)]


def _failure(row: Row[Any]) -> Failure:
    return Failure(
        row.instance_name,
        RecordStatus(row.status),
        row.error_kind,
        row.message or "no reason recorded",
    )
