"""What was taken over, as commands show it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Row, Select, exists, select

from sync_pipeline.model.imported import (
    ImportedAccount,
    ImportedChange,
    ImportedFilter,
    ImportedRecord,
    ImportedSession,
)
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.imports.schema import (
    import_passes,
    imported_accounts,
    imported_changes,
    imported_records,
    imported_sessions,
)
from sync_pipeline.store.schema import instances

RowT = TypeVar("RowT", ImportedAccount, ImportedChange, ImportedRecord, ImportedSession)


class ImportReads:
    """Bounded reads of the tables of imports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sessions(self, wanted: ImportedFilter) -> list[ImportedSession]:
        """Return sessions, newest first; of instances: those that have a record of one."""
        table, records = imported_sessions, imported_records
        query = _within(select(table), table.c.started_at, wanted)
        with self._database.read() as connection:
            if wanted.instances is not None:
                own = among(connection, records.c.instance_id, wanted.instances)
                of_session = (
                    records.c[name] == table.c[name] for name in ("source", "kind", "session_id")
                )
                query = query.where(exists().where(*of_session, own))
            order = (table.c.started_at.desc(), table.c.session_id)
            rows = connection.execute(query.order_by(*order).limit(wanted.limit))
            return [made(ImportedSession, row) for row in rows]

    def session(self, session_id: str) -> ImportedSession | None:
        """Return the session of an id, or None."""
        query = select(imported_sessions).where(imported_sessions.c.session_id == session_id)
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).first()
            return None if row is None else made(ImportedSession, row)

    def records(self, session: ImportedSession, limit: int) -> list[ImportedRecord]:
        """Return the records of a session, by name."""
        table = imported_records
        query = select(table).where(
            table.c.source == session.source,
            table.c.kind == session.kind,
            table.c.session_id == session.session_id,
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.name).limit(limit))
            return [made(ImportedRecord, row) for row in rows]

    def accounts(self, wanted: ImportedFilter) -> list[ImportedAccount]:
        """Return accounts as they were last known there, by instance and name."""
        table = imported_accounts
        query = select(table, instances.c.name.label("instance")).join_from(table, instances)
        if wanted.account is not None:
            query = query.where(table.c.name == wanted.account)
        with self._database.read() as connection:
            if wanted.instances is not None:
                query = query.where(among(connection, table.c.instance_id, wanted.instances))
            order = (instances.c.name, table.c.name, table.c.source_id)
            rows = connection.execute(query.order_by(*order).limit(wanted.limit))
            return [made(ImportedAccount, row) for row in rows]

    def changes(self, wanted: ImportedFilter) -> list[ImportedChange]:
        """Return changes, newest first."""
        table = imported_changes
        query = select(table, instances.c.name.label("instance")).join_from(table, instances)
        query = _within(query, table.c.changed_at, wanted)
        if wanted.account is not None:
            query = query.where(table.c.account == wanted.account)
        if wanted.session_id is not None:
            query = query.where(table.c.session_id == wanted.session_id)
        with self._database.read() as connection:
            if wanted.instances is not None:
                query = query.where(among(connection, table.c.instance_id, wanted.instances))
            order = (table.c.changed_at.desc(), table.c.source_id.desc())
            rows = connection.execute(query.order_by(*order).limit(wanted.limit))
            return [made(ImportedChange, row) for row in rows]

    def has_any(self) -> bool:
        """Return whether anything was ever imported."""
        with self._database.read_once() as connection:
            return connection.execute(select(import_passes.c.source).limit(1)).first() is not None


def _within(query: Select[Any], moment: Any, wanted: ImportedFilter) -> Select[Any]:
    if wanted.since is not None:
        query = query.where(moment >= wanted.since)
    if wanted.until is not None:
        query = query.where(moment <= wanted.until)
    return query


def made(kind: type[RowT], row: Row[Any]) -> RowT:
    """Return the record of a row, by the names of its columns."""
    known = row._mapping  # noqa: SLF001 - the documented way to a row's names
    values = {item.name: known[item.name] for item in fields(kind) if item.name in known}
    if "lines" in values:
        values["lines"] = tuple(values["lines"])
    return kind(**values)
