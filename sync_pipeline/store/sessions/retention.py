"""The end of sessions: their records, attempts and runs, in small transactions.

A record stays while it is the last one of its category for an instance, or the last one that
completed. A session stays while it is open, has a record, or is named: by the permissions that
it wrote, by changes that it logged, by failures in a row that it counted, or by a session that
does it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    literal_column,
    not_,
    or_,
    select,
)

from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import failure_streaks as streaks
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_record_attempts as attempts
from sync_pipeline.store.schema import sync_session_runs as runs
from sync_pipeline.store.schema import sync_sessions as sessions

AT_ONCE = 2000
"""Records that one transaction deletes: writers wait for no more."""

SESSIONS_AT_ONCE = 20
"""Sessions that one transaction looks at."""

_ENDED = tuple(str(status) for status in SessionStatus if status.is_terminal)
_NEWER = records.alias("newer")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk through the old sessions has come: the last session that it looked at."""

    started_at: datetime
    session_id: str


@dataclass(frozen=True, slots=True)
class PrunedSessions:
    """What one transaction took away, and the place from which the next one goes on."""

    records: int
    sessions: int
    place: Place | None
    is_all: bool = False


class SessionRetention:
    """Prunes the tables of sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune(
        self, before: datetime, place: Place | None = None, limit: int = AT_ONCE
    ) -> PrunedSessions:
        """Take away some of what began before a moment, the oldest sessions after `place` first.

        Whoever opens such a session again waits for it, or it waits for them: rows of runs are
        locked first, as everywhere.
        """
        with self._database.write() as connection:
            found = _some(connection, before, place)
            if not found:
                return PrunedSessions(0, 0, place, is_all=True)
            ids = _ended_of(connection, [item.session_id for item in found])
            gone = _delete_records(connection, ids, limit)
            if gone == limit:  # perhaps there are more of these sessions
                return PrunedSessions(gone, 0, place)
            return PrunedSessions(gone, _delete_sessions(connection, ids), found[-1])


def _some(connection: Connection, before: datetime, place: Place | None) -> list[Place]:
    key = sessions.c.started_at, sessions.c.session_id
    query = select(*key).where(sessions.c.started_at < before)
    if place is not None:
        same = sessions.c.started_at == place.started_at
        query = query.where(
            sessions.c.started_at >= place.started_at,
            not_(and_(same, sessions.c.session_id <= place.session_id)),
        )
    rows = connection.execute(query.order_by(*key).limit(SESSIONS_AT_ONCE))
    return [Place(row.started_at, row.session_id) for row in rows]


def _ended_of(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Return those that have ended, and keep them from being opened again meanwhile."""
    locked = select(runs.c.id).where(among(connection, runs.c.session_id, ids)).order_by(runs.c.id)
    connection.execute(locked.with_for_update())
    query = select(sessions.c.session_id).where(
        among(connection, sessions.c.session_id, ids), sessions.c.status.in_(_ENDED)
    )
    return list(connection.scalars(query))


def _delete_records(connection: Connection, ids: Sequence[str], limit: int) -> int:
    chosen = (
        select(records.c.id)
        .where(among(connection, records.c.session_id, ids), _is_followed())
        .limit(limit)
    )
    done = connection.execute(delete(records).where(records.c.id.in_(chosen)))
    rest = exists().where(
        records.c.session_id == attempts.c.session_id,
        records.c.instance_id == attempts.c.instance_id,
    )
    connection.execute(
        delete(attempts).where(among(connection, attempts.c.session_id, ids), not_(rest))
    )
    return done.rowcount


def _is_followed() -> ColumnElement[bool]:
    """Return that a record is neither the last of its kind nor the last that completed."""
    following = exists().where(
        _NEWER.c.instance_name == records.c.instance_name,
        _NEWER.c.sync_category == records.c.sync_category,
        _NEWER.c.id > records.c.id,
    )
    success = exists().where(
        _NEWER.c.instance_id == records.c.instance_id,
        _NEWER.c.sync_category == records.c.sync_category,
        # Written out: with a bound one no store would know that the index fits.
        _NEWER.c.status == literal_column("'completed'"),
        _NEWER.c.completed_at > records.c.completed_at,
    )
    counted = exists().where(
        streaks.c.instance_id == records.c.instance_id,
        streaks.c.session_id == records.c.session_id,
    )
    failed = records.c.status != str(RecordStatus.COMPLETED)
    return and_(following, or_(failed, success), not_(counted))


def _delete_sessions(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the sessions that nothing names, with their runs; return how many."""
    again = sessions.alias("again")
    named = (
        exists().where(records.c.session_id == sessions.c.session_id),
        exists().where(log.c.session_id == sessions.c.session_id),
        exists().where(streaks.c.session_id == sessions.c.session_id),
        exists().where(again.c.repeats == sessions.c.session_id),
        exists().where(permissions.c.sync_session_id == sessions.c.session_id),
    )
    query = select(sessions.c.session_id).where(
        among(connection, sessions.c.session_id, ids), *(not_(one) for one in named)
    )
    free = list(connection.scalars(query))
    for table in (runs, sessions):
        connection.execute(delete(table).where(among(connection, table.c.session_id, free)))
    return len(free)
