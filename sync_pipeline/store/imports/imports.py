"""What is taken over from another system: each chunk with its mark, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.imported import (
    LABEL,
    ImportedRow,
    ImportKind,
    ImportMark,
    ImportPass,
    Tally,
)
from sync_pipeline.store.database import Database, upsert
from sync_pipeline.store.imports.history import HISTORY_WRITERS
from sync_pipeline.store.imports.periods import put_periods
from sync_pipeline.store.imports.registered import instance_ids, put_registry
from sync_pipeline.store.imports.schema import (
    import_marks,
    import_passes,
    imported_changes,
    imported_instances,
    imported_records,
    imported_sessions,
)
from sync_pipeline.store.imports.sizes import SIZE_WRITERS, SUM
from sync_pipeline.store.sizes.schema import instance_size_stats
from sync_pipeline.store.topics import note_registry

_WRITERS = {
    ImportKind.CREDENTIALS: put_registry,
    ImportKind.INSTANCES: put_registry,
    **SIZE_WRITERS,
    ImportKind.DATABASE_PERIODS: put_periods,
    ImportKind.INSTANCE_PERIODS: put_periods,
    **HISTORY_WRITERS,
}


class ImportStore:
    """The passes of imports, their marks, and what they write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, source: str, now: datetime) -> ImportPass:
        """Begin a pass over a source, or return the one that was cut off.

        What ended is gone through again: what is new there is found, wherever it stands.
        """
        with self._database.write() as connection:
            self._database.lock(connection, import_passes)
            found = _pass(connection, source)
            if found is not None and found.finished_at is None:
                return found
            number = 1 if found is None else found.number + 1
            row = {"source": source, "number": number, "started_at": now, "finished_at": None}
            columns = ["number", "started_at", "finished_at"]
            upsert(connection, import_passes, [row], ["source"], columns)
            connection.execute(delete(import_marks).where(import_marks.c.source == source))
            return ImportPass(source, number, now)

    def finish(self, source: str, now: datetime) -> None:
        """Note that a pass has come to its end."""
        with self._database.write() as connection:
            own = import_passes.c.source == source
            connection.execute(update(import_passes).where(own).values(finished_at=now))

    def passes(self) -> list[ImportPass]:
        """Return the last pass over each source, by name."""
        query = select(import_passes).order_by(import_passes.c.source)
        with self._database.read() as connection:
            return [_pass_of(row) for row in connection.execute(query)]

    def marks(self, source: str) -> dict[ImportKind, ImportMark]:
        """Return how far the pass over a source has come, in the order of kinds."""
        query = select(import_marks).where(import_marks.c.source == source)
        with self._database.read() as connection:
            found = {row.kind: _mark_of(row) for row in connection.execute(query)}
        return {kind: found[kind] for kind in ImportKind if kind in found}

    def put(
        self,
        source: str,
        before: ImportMark,
        after: ImportMark,
        rows: Sequence[ImportedRow],
        now: datetime,
    ) -> ImportMark:
        """Write rows of a kind and the mark after them, both or nothing; return it as it counts.

        A row that is here already is brought up to date; what a sync of ours wrote stays.

        Raises:
            ConfigurationError: another process has gone on from the mark before.
        """
        with self._database.write() as connection:
            self._database.lock(connection, import_marks)
            if _place(connection, source, before.kind) != before.place:
                raise ConfigurationError(
                    f"Another process imports from {source!r}.",
                    hint="Let it come to its end: what it took is taken.",
                )
            tally = Tally()
            tally.add(after.tally)
            if rows:
                tally.add(_WRITERS[after.kind](connection, source, rows, now))
                # All that a console keeps of whatever topic holds by this mark as well.
                note_registry(connection)
            done = ImportMark(after.kind, after.place, after.is_done, tally)
            _save(connection, source, done)
            return done

    def with_sizes(self, source: str) -> list[int]:
        """Return the instances (ids) of which days of a source were taken."""
        table = imported_instances
        own = and_(table.c.source == source, table.c.sizes_until.is_not(None))
        with self._database.read() as connection:
            query = select(table.c.instance_id).where(own).distinct()
            return list(connection.scalars(query.order_by(table.c.instance_id)))

    def days(self, source: str) -> list[tuple[int, date, date]]:
        """Return the first and the last day of sizes that each instance (id) has of a source."""
        table = instance_size_stats
        own = (
            table.c.instance_id == imported_instances.c.instance_id,
            table.c.session_id.in_((LABEL + source, LABEL + source + SUM)),
        )
        first = select(func.min(table.c.collected_date)).where(*own).scalar_subquery()
        query = select(
            imported_instances.c.instance_id, first.label("first"), imported_instances.c.sizes_until
        ).where(
            imported_instances.c.source == source, imported_instances.c.sizes_until.is_not(None)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(imported_instances.c.instance_id))
            return [(row[0], row[1], row[2]) for row in rows if row[1] is not None]

    def instance_ids(self, source: str) -> dict[int, int]:
        """Return our instance (id) of each number of a source."""
        with self._database.read() as connection:
            return instance_ids(connection, source)

    def require_same(self, source: str, fingerprints: dict[int, str]) -> None:
        """Make sure that a source is the one that was imported under its name.

        Raises:
            ConfigurationError: an instance that was taken over is another one there now.
        """
        query = select(imported_instances).where(imported_instances.c.source == source)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            if rows and fingerprints and not any(row.source_id in fingerprints for row in rows):
                raise ConfigurationError(
                    f"This is not the store that was imported as {source!r}: it has none of the "
                    "instances that were taken.",
                    hint="Give it a name of its own with --source. Nothing was changed.",
                )
            for row in rows:
                if fingerprints.get(row.source_id, row.fingerprint) != row.fingerprint:
                    raise ConfigurationError(
                        f"This is not the store that was imported as {source!r}: instance "
                        f"{row.source_id} is another one there.",
                        hint="Give it a name of its own with --source. Nothing was changed.",
                    )

    def sizes_until(self, instance_id: int) -> date | None:
        """Return the last day of an instance that was taken over; None: there is none."""
        query = select(func.max(imported_instances.c.sizes_until))
        own = imported_instances.c.instance_id == instance_id
        with self._database.read_once() as connection:
            found: date | None = connection.scalar(query.where(own))
            return found

    def prune(self, sessions_before: datetime, changes_before: datetime, limit: int) -> int:
        """Take away imported sessions with their records, and changes, that are too old.

        Returns how many rows, at most `limit` of each: if there were none, none is left.
        """
        with self._database.write() as connection:
            old = imported_changes.c.changed_at < changes_before
            gone = _delete_some(connection, imported_changes, ("source", "source_id"), old, limit)
            began = imported_records.c.started_at < sessions_before
            keys = ("source", "kind", "source_id")
            gone += _delete_some(connection, imported_records, keys, began, limit)
            began = imported_sessions.c.started_at < sessions_before
            keys = ("source", "kind", "session_id")
            return gone + _delete_some(connection, imported_sessions, keys, began, limit)


def _delete_some(
    connection: Connection, table: Any, keys: tuple[str, ...], condition: Any, limit: int
) -> int:
    chosen = connection.execute(
        select(*(table.c[name] for name in keys)).where(condition).limit(limit)
    ).all()
    for row in chosen:
        own = [table.c[name] == value for name, value in zip(keys, row, strict=True)]
        connection.execute(delete(table).where(*own))
    return len(chosen)


def _save(connection: Connection, source: str, mark: ImportMark) -> None:
    row = {
        "source": source,
        "kind": str(mark.kind),
        "place": list(mark.place),
        "is_done": mark.is_done,
        "tally": mark.tally.to_json(),
    }
    upsert(connection, import_marks, [row], ["source", "kind"], ["place", "is_done", "tally"])


def _place(connection: Connection, source: str, kind: ImportKind) -> tuple[str | int, ...]:
    table = import_marks
    query = select(table.c.place).where(table.c.source == source, table.c.kind == str(kind))
    return tuple(connection.scalar(query) or ())


def _pass(connection: Connection, source: str) -> ImportPass | None:
    row = connection.execute(select(import_passes).where(import_passes.c.source == source)).first()
    return None if row is None else _pass_of(row)


def _pass_of(row: Row[Any]) -> ImportPass:
    return ImportPass(row.source, row.number, row.started_at, row.finished_at)


def _mark_of(row: Row[Any]) -> ImportMark:
    kind = ImportKind(row.kind)
    return ImportMark(kind, tuple(row.place), row.is_done, Tally.of_json(row.tally))
