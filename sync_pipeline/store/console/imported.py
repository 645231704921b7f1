"""What was imported, as the console lists it: beside what syncs of ours wrote, and told from it.

Where nothing was imported, `has_any` says so, and nothing else is asked. The ids of rows are in no
key: they count those of others.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from sync_pipeline.model.change_page import ChangeQuestion
from sync_pipeline.model.imported import (
    ImportedAccount,
    ImportedChange,
    ImportedCount,
    ImportedLine,
    ImportedRecord,
    ImportedSession,
)
from sync_pipeline.model.page import (
    InstanceQuestion,
    Key,
    Page,
    Place,
    SessionQuestion,
    alike_of,
    checked_key,
    moment_of,
    no_key,
)
from sync_pipeline.model.session import SessionStatus, SyncType
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import FEW, after, chosen, in_reach, of_reach
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.imports.reads import made
from sync_pipeline.store.imports.schema import (
    import_marks,
    import_passes,
    imported_accounts,
    imported_changes,
    imported_records,
    imported_sessions,
)
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import instances

_CHANGES, _SESSIONS = imported_changes.c, imported_sessions.c
_RECORDS, _ACCOUNTS = imported_records.c, imported_accounts.c
_NEWEST_FIRST = (_CHANGES.changed_at, _CHANGES.source_id, _CHANGES.source)
# Made once: making a statement costs more than asking.
_OF_ACCOUNT = after(
    select(imported_changes, instances.c.name.label("instance"))
    .join_from(imported_changes, instances)
    .where(_CHANGES.account == bindparam("named"), _CHANGES.instance_id == bindparam("of_id")),
    _NEWEST_FIRST,
    None,
    is_descending=True,
).limit(bindparam("most", type_=Integer))
_EACH_ACCOUNT: Select[Any] = select(
    imported_accounts, instances.c.name.label("instance")
).join_from(imported_accounts, instances)
_KNOWN = _EACH_ACCOUNT.where(
    _ACCOUNTS.instance_id == bindparam("of_id"), _ACCOUNTS.name == bindparam("named")
).order_by(_ACCOUNTS.source, _ACCOUNTS.source_id)
_BY_START = (_SESSIONS.started_at, _SESSIONS.session_id)
"""Of sessions, in which those are alike that several systems have, one of which was a copy."""
_OPEN, _FAILED = ("pending", "running"), ("failed",)
_WITH_ERRORS = "completed_with_errors"
_STANDS: Mapping[SessionStatus, tuple[Sequence[str], Sequence[str]]] = {
    SessionStatus.RUNNING: (_OPEN, ()),
    SessionStatus.FAILED: (_FAILED, _OPEN),
    SessionStatus.CANCELLED: (("cancelled",), (*_OPEN, *_FAILED)),
    SessionStatus.COMPLETED: ((), (*_OPEN, *_FAILED, "cancelled")),
}
"""By what a session stands: a record in one of these states, and none in any of those."""
_MOST_KEPT = 2000
"""Sessions, for who may see some instances, whose numbers are kept: some hundred bytes each."""


class _Asked(NamedTuple):
    """A session, and what tells the instances and the imports that its numbers are of."""

    state: bytes
    session: ImportedSession


class _Counted(NamedTuple):
    """How many records ended in each way, and when the last one did."""

    counts: Mapping[str, int]
    last: datetime | None


class ImportedPages(OfDatabase):
    """Imported sessions, changes and accounts within a reach."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._kept: Kept[_Asked, _Counted] = Kept(_MOST_KEPT)

    @remembered
    def has_any(self) -> bool:
        """Return whether anything was ever imported, whoever may see it."""
        with self._database.read_once() as connection:
            return connection.execute(select(import_passes.c.source).limit(1)).first() is not None

    @remembered
    def changes(self, reach: Reach, asked: ChangeQuestion, place: Place) -> Page[ImportedLine]:
        """Return a page of changes, newest first. What they do to powers nobody judged."""
        key = checked_key(place.after, str, str, str, int)
        if asked.effect or (asked.first_syncs and not asked.types):
            return Page()
        with self._database.read() as connection:
            begin = _begin(connection, reach, key)
            ids, where = _within(connection, reach, asked.of, _CHANGES.instance_id)
            query = select(*_NEWEST_FIRST).where(*where, *_narrowing(asked))
            columns: tuple[ColumnElement[Any], ...] = _NEWEST_FIRST
            if ids is not None and len(ids) > 1:
                # All of them, then sorted: in the order of all, few of many are a long way.
                own = query.cte("own").prefix_with("MATERIALIZED")
                query, columns = select(own), (own.c.changed_at, own.c.source_id, own.c.source)
            found = after(query, columns, begin, is_descending=True).limit(place.limit + 1)
            rows = _lines(connection, found)
            shown = rows[: place.limit]
            following = _key(connection, shown[-1].change) if len(rows) > place.limit else None
            return Page(tuple(shown), following)

    @remembered
    def of_account(
        self, instance_id: int, account: str, until: datetime | None, limit: int
    ) -> list[ImportedChange]:
        """Return changes of an account until a moment (UTC), newest first."""
        query = _OF_ACCOUNT
        if until is not None:
            query = query.where(_CHANGES.changed_at <= until)
        named = {"of_id": instance_id, "named": account, "most": limit}
        with self._database.read_once() as connection:
            return [made(ImportedChange, row) for row in connection.execute(query, named)]

    @remembered
    def known(self, instance_id: int, account: str) -> list[ImportedAccount]:
        """Return what was last known of an account, by each system that was imported."""
        named = {"of_id": instance_id, "named": account}
        with self._database.read_once() as connection:
            found = connection.execute(_KNOWN, named)
            return [made(ImportedAccount, row) for row in found]

    @remembered
    def accounts(
        self, reach: Reach, of: InstanceQuestion, account: str, place: Place
    ) -> Page[ImportedAccount]:
        """Return a page of accounts as they were last known, by instance and name."""
        key = checked_key(place.after, str, str, int)
        columns = (instances.c.name, _ACCOUNTS.name)
        seen = alike_of(key, 2) if key else 0
        with self._database.read() as connection:
            where = [*in_reach(connection, reach), *chosen(connection, of)]
            query = _EACH_ACCOUNT.where(*where)
            if account:
                query = query.where(_ACCOUNTS.name == account)
            if key:
                begin = or_(columns[0] > key[0], and_(columns[0] == key[0], columns[1] >= key[1]))
                query = query.where(begin)
            order = (*columns, _ACCOUNTS.source, _ACCOUNTS.source_id)
            rows = connection.execute(query.order_by(*order).limit(place.limit + seen + 1))
            found = [made(ImportedAccount, row) for row in rows]
        return _by_count(found, seen, place.limit, key, lambda item: (item.instance, item.name))

    @remembered
    def has_accounts(self, reach: Reach) -> bool:
        """Return whether an account within a reach was imported."""
        with self._database.read() as connection:
            own = of_reach(connection, reach, _ACCOUNTS.instance_id)
            query = select(_ACCOUNTS.source_id).where(*own).limit(1)
            return connection.execute(query).first() is not None

    @remembered
    def sessions(self, reach: Reach, asked: SessionQuestion, place: Place) -> Page[ImportedSession]:
        """Return a page of sessions and task runs: of each, what is of instances within a reach."""
        key = checked_key(place.after, str, str, int)
        seen = alike_of(key, 2) if key else 0
        query = select(imported_sessions).where(_SESSIONS.started_at.is_not(None))
        if asked.category is not None:
            query = query.where(_SESSIONS.category == str(asked.category))
        with self._database.read() as connection:
            query = query.where(*_seen(connection, reach, asked.instance))
            if asked.status is not None:
                query = query.where(*_stands(connection, reach, asked.status))
            if key:
                of_key, begin = tuple_(*_BY_START), (moment_of(key), key[1])
                query = query.where(of_key >= begin if asked.is_oldest_first else of_key <= begin)
            order = (*_BY_START, _SESSIONS.source, _SESSIONS.kind)
            ordered = after(query, order, None, is_descending=not asked.is_oldest_first)
            rows = connection.execute(ordered.limit(place.limit + seen + 1))
            found = [made(ImportedSession, row) for row in rows]
            page = _by_count(found, seen, place.limit, key, _session_key)
            return replace(page, items=self._narrowed(connection, reach, page.items))

    @remembered
    def session(self, reach: Reach, session_id: str) -> ImportedSession | None:
        """Return the session of an id; None: none has a record within the reach."""
        with self._database.read() as connection:
            query = select(imported_sessions).where(
                _SESSIONS.session_id == session_id, *_seen(connection, reach, "")
            )
            order = (_SESSIONS.source, _SESSIONS.kind)
            row = connection.execute(query.order_by(*order).limit(1)).first()
            if row is None:
                return None
            return self._narrowed(connection, reach, [made(ImportedSession, row)])[0]

    def _narrowed(
        self, connection: Connection, reach: Reach, found: Sequence[ImportedSession]
    ) -> tuple[ImportedSession, ...]:
        """Return sessions as the reach shows them: their numbers are of its instances alone.

        They are kept until the reach has other instances, or something is imported.
        """
        if reach.is_everything or not found:
            return tuple(found)
        own = select(instances.c.id).where(*in_reach(connection, reach)).order_by(instances.c.id)
        ids = array("q", connection.scalars(own)).tobytes()
        # An import that goes on may have brought sessions, and not yet all of their records.
        places = (import_marks.c.source, import_marks.c.kind, import_marks.c.place)
        known = (
            connection.execute(select(import_passes).order_by(import_passes.c.source)).all(),
            connection.execute(select(*places).order_by(*places[:2])).all(),
        )
        state = blake2b(ids + repr(known).encode()).digest()

        def counted(keys: Sequence[_Asked]) -> dict[_Asked, _Counted]:
            numbers = _counted(connection, reach, [key.session for key in keys])
            return {key: numbers[_own(key.session)] for key in keys}

        numbers_of = self._kept.all_of([_Asked(state, item) for item in found], counted)
        return tuple(_of_records(item, numbers_of[_Asked(state, item)]) for item in found)

    @remembered
    def kinds(self, reach: Reach, session: ImportedSession) -> list[ImportedCount]:
        """Return how the records of a session ended, most first."""
        count = func.count().label("count")
        with self._database.read() as connection:
            query = _records(connection, reach, session).with_only_columns(_RECORDS.status, count)
            query = query.group_by(_RECORDS.status).order_by(count.desc(), _RECORDS.status)
            return [ImportedCount(row[0], row[1]) for row in connection.execute(query)]

    @remembered
    def records(
        self, reach: Reach, session: ImportedSession, status: str, place: Place
    ) -> Page[ImportedRecord]:
        """Return a page of the records of a session, by name."""
        key = checked_key(place.after, str, int)
        seen = alike_of(key, 1) if key else 0
        with self._database.read() as connection:
            query = _records(connection, reach, session)
            if status:
                query = query.where(_RECORDS.status == status)
            if key:
                query = query.where(_RECORDS.name >= key[0])
            order = (_RECORDS.name, _RECORDS.source_id)
            rows = connection.execute(query.order_by(*order).limit(place.limit + seen + 1))
            found = [made(ImportedRecord, row) for row in rows]
        return _by_count(found, seen, place.limit, key, lambda item: (item.name,))


def _by_count(found: Sequence[Any], seen: int, limit: int, key: Key | None, of: Any) -> Page[Any]:
    """Return a page of rows of which several may have one key: it says how many were shown."""
    shown = tuple(found[seen : seen + limit])
    if len(found) <= seen + limit:
        return Page(shown)
    last = of(shown[-1])
    count = sum(of(item) == last for item in shown)
    count += seen if key is not None and key[:-1] == last else 0
    return Page(shown, (*last, count))


def _within(
    connection: Connection, reach: Reach, of: InstanceQuestion, column: Any
) -> tuple[list[int] | None, list[ColumnElement[bool]]]:
    """Return what keeps a question within the reach, and the ids of instances where few are."""
    narrowing = (*in_reach(connection, reach), *chosen(connection, of))
    if not narrowing:
        return None, []
    own = select(instances.c.id).where(*narrowing)
    ids = list(connection.scalars(own.limit(FEW + 1)))
    if len(ids) > FEW:
        # In the order of all, of which many are within: by no index of instances.
        return None, [func.coalesce(column, column).in_(own)]
    return ids, [column == ids[0] if len(ids) == 1 else among(connection, column, ids)]


def _narrowing(asked: ChangeQuestion) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.account:
        found.append(_CHANGES.account == asked.account)
    if asked.types:
        found.append(_CHANGES.change_type.in_([str(item) for item in asked.types]))
    if asked.since is not None:
        found.append(_CHANGES.changed_at >= asked.since)
    if asked.until is not None:
        found.append(_CHANGES.changed_at <= asked.until)
    return found


def _lines(connection: Connection, found: Select[Any]) -> list[ImportedLine]:
    page = found.subquery("page")
    own = and_(_CHANGES.source == page.c.source, _CHANGES.source_id == page.c.source_id)
    query = (
        select(imported_changes, instances.c.name.label("instance"), instances.c.deleted_at)
        .join_from(page, imported_changes, own)
        .join(instances, instances.c.id == _CHANGES.instance_id)
        .order_by(page.c.changed_at.desc(), page.c.source_id.desc(), page.c.source.desc())
    )
    return [
        ImportedLine(made(ImportedChange, row), row.deleted_at is None)
        for row in connection.execute(query)
    ]


def _key(connection: Connection, change: ImportedChange) -> Key:
    """Return the key of a change: by how many newer ones it is like it, it is told from them."""
    newer = or_(
        _CHANGES.source_id > change.source_id,
        and_(_CHANGES.source_id == change.source_id, _CHANGES.source > change.source),
    )
    alike = select(func.count()).where(
        _CHANGES.account == change.account,
        _CHANGES.instance_id == change.instance_id,
        _CHANGES.changed_at == change.changed_at,
        newer,
    )
    number = connection.scalar(alike) or 0
    return change.changed_at.isoformat(), change.instance, change.account, number


def _begin(connection: Connection, reach: Reach, key: Key | None) -> tuple[Any, ...] | None:
    """Return the place of the change of a key in the order of all.

    Raises:
        ConfigurationError: it names none within the reach.
    """
    if key is None:
        return None
    query = (
        select(*_NEWEST_FIRST)
        .join_from(imported_changes, instances)
        .where(
            _CHANGES.account == key[2],
            _CHANGES.changed_at == moment_of(key),
            instances.c.name == key[1],
            *in_reach(connection, reach),
        )
    )
    ordered = after(query, _NEWEST_FIRST, None, is_descending=True)
    row = connection.execute(ordered.limit(1).offset(alike_of(key, 3))).first()
    if row is None:
        raise no_key()
    return tuple(row)


def _of_session() -> ColumnElement[bool]:
    return and_(
        _RECORDS.session_id == _SESSIONS.session_id,
        _RECORDS.source == _SESSIONS.source,
        _RECORDS.kind == _SESSIONS.kind,
    )


def _records(connection: Connection, reach: Reach, session: ImportedSession) -> Select[Any]:
    query: Select[Any] = select(imported_records).where(
        _RECORDS.session_id == session.session_id,
        _RECORDS.source == session.source,
        _RECORDS.kind == session.kind,
        *of_reach(connection, reach, _RECORDS.instance_id),
    )
    return query


def _seen(connection: Connection, reach: Reach, instance: str) -> list[ColumnElement[bool]]:
    """Return that a session has a record within the reach, and of an instance if one is named."""
    if reach.is_everything and not instance:
        return []
    own = of_reach(connection, reach, _RECORDS.instance_id)
    named = select(instances.c.id).where(instances.c.name == instance)
    wanted = [_RECORDS.instance_id.in_(named)] if instance else []
    return [exists().where(_of_session(), *own, *wanted)]


def _stands(
    connection: Connection, reach: Reach, status: SessionStatus
) -> list[ColumnElement[bool]]:
    """Return that a session stands so: by its own word, or by the records within the reach."""
    if reach.is_everything:
        # One with errors has failed, as sessions of ours do with one record that did.
        words = (str(status), *((_WITH_ERRORS,) if status is SessionStatus.FAILED else ()))
        return [_SESSIONS.status.in_(words)]
    own = of_reach(connection, reach, _RECORDS.instance_id)

    def any_of(states: Sequence[str]) -> ColumnElement[bool]:
        return exists().where(_of_session(), _RECORDS.status.in_(states), *own)

    some, none = _STANDS.get(status, (("",), ()))
    return [*([any_of(some)] if some else []), *([~any_of(none)] if none else [])]


def _own(session: ImportedSession) -> tuple[str, str, str]:
    return session.source, session.kind, session.session_id


def _counted(
    connection: Connection, reach: Reach, found: Sequence[ImportedSession]
) -> dict[tuple[str, str, str], _Counted]:
    """Return how the records of sessions within a reach ended, and when the last one did."""
    key = (_RECORDS.source, _RECORDS.kind, _RECORDS.session_id)
    query = (
        select(*key, _RECORDS.status, func.count(), func.max(_RECORDS.completed_at))
        .where(
            among(connection, _RECORDS.session_id, [item.session_id for item in found]),
            *of_reach(connection, reach, _RECORDS.instance_id),
        )
        .group_by(*key, _RECORDS.status)
    )
    counts: dict[tuple[str, str, str], dict[str, int]] = {_own(item): {} for item in found}
    ended: dict[tuple[str, str, str], list[datetime]] = {_own(item): [] for item in found}
    for source, kind, session_id, status, count, last in connection.execute(query):
        own = source, kind, session_id
        if own in counts:
            counts[own][status] = count
            ended[own] += [last] if last else []
    return {own: _Counted(counts[own], max(ended[own], default=None)) for own in counts}


def _of_records(session: ImportedSession, of: _Counted) -> ImportedSession:
    """Return a session of some records alone; the last of them ended then."""
    status = _status(of.counts)
    is_scheduled = session.trigger in ("scheduled", str(SyncType.SCHEDULED_TASK))
    return replace(
        session,
        trigger=session.trigger if is_scheduled else "",
        status=str(status),
        completed_at=None if status is SessionStatus.RUNNING else of.last,
        total=sum(of.counts.values()),
        successful=of.counts.get("completed", 0),
        failed=of.counts.get("failed", 0),
        created_by="",
        error="",
    )


def _status(counts: Mapping[str, int]) -> SessionStatus:
    """Return how a session of these records alone would stand."""
    for status in (SessionStatus.RUNNING, SessionStatus.FAILED, SessionStatus.CANCELLED):
        if any(counts.get(word) for word in _STANDS[status][0]):
            return status
    return SessionStatus.COMPLETED


def _session_key(session: ImportedSession) -> Key:
    if session.started_at is None:
        raise no_key()
    return session.started_at.isoformat(), session.session_id
