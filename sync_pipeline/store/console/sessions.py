"""Sessions and their records as the console lists them.

Who may see some instances alone is told of the records of these: how many, and how they ended.
Whether other instances were in the session, and what became of them, is not told.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select, union_all

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.page import (
    Key,
    KindCount,
    Page,
    Place,
    RecordQuestion,
    SessionQuestion,
    checked_key,
    moment_of,
    page_of,
)
from sync_pipeline.model.session import (
    InstanceRecord,
    RecordStatus,
    Session,
    SessionStatus,
    SyncType,
)
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.by_topic import RememberedByTopic
from sync_pipeline.store.console.reach import FEW, after, in_reach, of_reach
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import instances
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.sessions.rows import record_of, session_of

Counts = Mapping[RecordStatus, int]
_Counted = tuple[Counts, datetime | None]
_MOST_KEPT = 2000
"""Sessions, for who may see some instances, whose numbers are kept: some hundred bytes each."""


class SessionPages(OfDatabase):
    """Sessions of which a record is within a reach."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._kept: Kept[tuple[bytes, Session], _Counted] = Kept(_MOST_KEPT)
        self._kinds: Kept[tuple[bytes, Session], list[KindCount]] = Kept(_MOST_KEPT, len)
        self._by_registry = RememberedByTopic(database, ())

    @remembered
    def page(self, reach: Reach, asked: SessionQuestion, place: Place) -> Page[Session]:
        """Return a page of sessions: at most four statements."""
        query = select(sessions)
        if asked.category is not None:
            query = query.where(sessions.c.sync_category == str(asked.category))
        own = self._own(reach)
        with self._database.read() as connection:
            query = query.where(*_seen(connection, reach, asked.instance))
            if asked.status is not None:
                query = query.where(*_stands(connection, reach, asked.status))
            query = after(
                query,
                (sessions.c.started_at, sessions.c.session_id),
                _values(place.after),
                is_descending=not asked.is_oldest_first,
            )
            rows = connection.execute(query.limit(place.limit + 1)).all()
            found = page_of([session_of(row) for row in rows], place.limit, _key)
            return replace(found, items=self._within(connection, reach, own, found.items))

    @remembered
    def named(self, reach: Reach, session_id: str) -> Session | None:
        """Return one session by its whole id; None: there is none within the reach."""
        own = self._own(reach)
        with self._database.read() as connection:
            query = select(sessions).where(
                sessions.c.session_id == session_id, *_seen(connection, reach, "")
            )
            row = connection.execute(query).first()
            return self._within(connection, reach, own, [session_of(row)])[0] if row else None

    def _within(
        self, connection: Connection, reach: Reach, own: _Own | None, found: Sequence[Session]
    ) -> tuple[Session, ...]:
        """Return sessions as the reach shows them: their numbers are of its instances alone.

        Of those that have ended they are kept, by what the session says of itself and by the ids.
        """
        if own is None or not found:
            return tuple(found)
        digest = own.digest

        def counted(keys: Sequence[tuple[bytes, Session]]) -> dict[tuple[bytes, Session], _Counted]:
            numbers = _counted(connection, reach, own.ids, [item.session_id for _, item in keys])
            return {key: numbers[key[1].session_id] for key in keys}

        ended = [(digest, item) for item in found if item.completed_at is not None]
        others = [(digest, item) for item in found if item.completed_at is None]
        known = self._kept.all_of(ended, counted)
        if others:
            known |= counted(others)
        return tuple(_narrowed(item, *known[digest, item]) for item in found)

    @remembered
    def records(self, reach: Reach, asked: RecordQuestion, place: Place) -> Page[InstanceRecord]:
        """Return a page of the records of a session, by name of the instance."""
        with self._database.read() as connection:
            query = _records(connection, reach, asked.session_id)
            if asked.status is not None:
                query = query.where(records.c.status == str(asked.status))
            # No id is in a key: it would tell how many instances of others there are.
            key = checked_key(place.after, str)
            query = after(query, (records.c.instance_name,), key, is_descending=False)
            rows = connection.execute(query.limit(place.limit + 1)).all()
            found = [record_of(row) for row in rows]
            return page_of(found, place.limit, lambda item: (item.instance_name,))

    @remembered
    def kinds(self, reach: Reach, session_id: str) -> list[KindCount]:
        """Return how the records of a session ended, and by what kind of error, most first.

        Of one that has ended they are kept, as its numbers are.
        """
        own = self._own(reach)
        with self._database.read() as connection:
            query = select(sessions).where(sessions.c.session_id == session_id)
            row = connection.execute(query).first()
            if row is None or row.completed_at is None:
                return _kinds(connection, reach, session_id)
            key = own.digest if own else b"", session_of(row)
            found = self._kinds.all_of(
                [key], lambda _: {key: _kinds(connection, reach, session_id)}
            )
            return found[key]

    def _own(self, reach: Reach) -> _Own | None:
        """Return the instances of a reach, read once until the registry is written; None: all."""
        if reach.is_everything:
            return None

        def read() -> _Own:
            with self._database.read_once() as connection:
                return _Own.of(connection, reach)

        return self._by_registry.of(("own", reach), read)

    @remembered
    def last_of(self, instance: Instance, limit: int) -> list[InstanceRecord]:
        """Return the last records of an instance, newest first."""
        with self._database.read_once() as connection:
            # Of each category it is a range of an index, also where there are few or none.
            newest = union_all(
                *(
                    select(
                        select(records.c.id)
                        .where(
                            records.c.instance_name == instance.name,
                            records.c.sync_category == category,
                            records.c.instance_id == instance.id,
                        )
                        .order_by(records.c.id.desc())
                        .limit(limit)
                        .subquery()
                    )
                    for category in CATEGORIES
                )
            )
            query = select(records).where(records.c.id.in_(newest))
            rows = connection.execute(query.order_by(records.c.id.desc()).limit(limit))
            return [record_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Own:
    """The ids of the instances of a reach, and a digest of them."""

    ids: Sequence[int]
    digest: bytes

    @classmethod
    def of(cls, connection: Connection, reach: Reach) -> _Own:
        """Return them in the order of their numbers."""
        own = select(instances.c.id).where(*in_reach(connection, reach)).order_by(instances.c.id)
        ids = array("q", connection.scalars(own))
        return cls(ids, blake2b(ids.tobytes()).digest())


def _kinds(connection: Connection, reach: Reach, session_id: str) -> list[KindCount]:
    count = func.count().label("count")
    query = _records(connection, reach, session_id).with_only_columns(
        records.c.status, records.c.error_kind, count
    )
    query = query.group_by(records.c.status, records.c.error_kind)
    order = (count.desc(), records.c.status, records.c.error_kind)
    rows = connection.execute(query.order_by(*order))
    return [KindCount(RecordStatus(row.status), row.error_kind, row[2]) for row in rows]


def _records(connection: Connection, reach: Reach, session_id: str) -> Select[tuple[object, ...]]:
    of_session = records.c.session_id == session_id
    own = of_reach(connection, reach, records.c.instance_id)
    query: Select[tuple[object, ...]] = select(records).where(of_session, *own)
    return query


def _seen(connection: Connection, reach: Reach, instance: str) -> list[ColumnElement[bool]]:
    """Return that a session has a record within the reach, and of an instance if one is named."""
    if reach.is_everything and not instance:
        return []
    own = of_reach(connection, reach, records.c.instance_id)
    named = select(instances.c.id).where(instances.c.name == instance)
    wanted = [records.c.instance_id.in_(named)] if instance else []
    return [exists().where(records.c.session_id == sessions.c.session_id, *own, *wanted)]


_OPEN = (RecordStatus.PENDING, RecordStatus.RUNNING)
_STANDS: Mapping[SessionStatus, tuple[Sequence[RecordStatus], Sequence[RecordStatus]]] = {
    SessionStatus.RUNNING: (_OPEN, ()),
    SessionStatus.FAILED: ((RecordStatus.FAILED,), _OPEN),
    SessionStatus.CANCELLED: ((RecordStatus.CANCELLED,), (*_OPEN, RecordStatus.FAILED)),
    SessionStatus.COMPLETED: ((), (*_OPEN, RecordStatus.FAILED, RecordStatus.CANCELLED)),
    SessionStatus.PENDING: ((), tuple(RecordStatus)),
}
"""By what a session stands: a record in one of these states, and none in any of those."""


def _stands(
    connection: Connection, reach: Reach, status: SessionStatus
) -> list[ColumnElement[bool]]:
    """Return that a session stands so, by the records within the reach alone; see `_status`."""
    if reach.is_everything:
        return [sessions.c.status == str(status)]

    own = of_reach(connection, reach, records.c.instance_id)

    def any_of(states: Sequence[RecordStatus]) -> ColumnElement[bool]:
        return exists().where(
            records.c.session_id == sessions.c.session_id,
            records.c.status.in_([str(item) for item in states]),
            *own,
        )

    some, none = _STANDS[status]
    return [*([any_of(some)] if some else []), *([~any_of(none)] if none else [])]


def _counted(
    connection: Connection, reach: Reach, ids: Sequence[int], session_ids: Sequence[str]
) -> dict[str, _Counted]:
    """Return how the records of sessions within a reach ended, whose ids these are, and when."""
    own = (
        (among(connection, records.c.instance_id, ids),)
        if len(ids) <= FEW
        else of_reach(connection, reach, records.c.instance_id)
    )
    query = (
        select(
            *(records.c.session_id, records.c.status, func.count()),
            func.max(records.c.completed_at),
        )
        .where(among(connection, records.c.session_id, session_ids), *own)
        .group_by(records.c.session_id, records.c.status)
    )
    counts: dict[str, dict[RecordStatus, int]] = {item: {} for item in session_ids}
    ended: dict[str, list[datetime]] = {item: [] for item in session_ids}
    for session_id, status, count, last in connection.execute(query):
        counts[session_id][RecordStatus(status)] = count
        ended[session_id] += [last] if last else []
    return {item: (counts[item], max(ended[item], default=None)) for item in session_ids}


def _narrowed(session: Session, counts: Counts, last: datetime | None) -> Session:
    """Return what is of some records alone; the last of them ended then."""
    status = _status(counts)
    return Session(
        session_id=session.session_id,
        sync_type=(
            session.sync_type
            if session.sync_type is SyncType.SCHEDULED_TASK
            else SyncType.MANUAL_TASK
        ),
        category=session.category,
        status=status,
        started_at=session.started_at,
        # That of the session tells how long others were at work.
        completed_at=None if status is SessionStatus.RUNNING else last,
        total=sum(counts.values()),
        successful=counts.get(RecordStatus.COMPLETED, 0),
        failed=counts.get(RecordStatus.FAILED, 0),
        skipped=counts.get(RecordStatus.SKIPPED, 0),
        cancelled=counts.get(RecordStatus.CANCELLED, 0),
        job_name=session.job_name,
        run_id="",
        partition_key=session.partition_key,
    )


def _status(counts: Counts) -> SessionStatus:
    """Return how a session of these records alone would stand."""
    if counts.get(RecordStatus.PENDING) or counts.get(RecordStatus.RUNNING):
        return SessionStatus.RUNNING
    if counts.get(RecordStatus.FAILED):
        return SessionStatus.FAILED
    is_cancelled = counts.get(RecordStatus.CANCELLED)
    return SessionStatus.CANCELLED if is_cancelled else SessionStatus.COMPLETED


def _key(session: Session) -> Key:
    return session.started_at.isoformat(), session.session_id


def _values(key: Key | None) -> tuple[object, ...] | None:
    key = checked_key(key, str, str)
    if key is None:
        return None
    return moment_of(key), key[1]
