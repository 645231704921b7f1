"""The sizes of Oracle: a database is a pluggable one, the root, or one without containers.

Source: Oracle Database Reference, DBA_DATA_FILES, DBA_TEMP_FILES (a file that extends itself
may grow to MAXBYTES; one that does not keeps its size), DBA_TABLESPACE_USAGE_METRICS (blocks
used; what lies in the recycle bin counts as used until it is purged), V$LOG (bytes of one member),
V$PDBS (TOTAL_SIZE of a closed database is 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.engines.base import ANYBODY, DatabaseEntry, Query, Reading, SizeReader, Variant
from sync_pipeline.engines.oracle.accounts.containers import (
    CONTAINERS,
    ROOT_NAME,
    SEED,
    ContainerRow,
    checked,
    entry_of,
)
from sync_pipeline.engines.oracle.accounts.queries import (
    OLDEST,
    managed_variants,
    needs_of,
    query,
    root_needs_of,
)
from sync_pipeline.engines.oracle.names import account_name, show_containers
from sync_pipeline.engines.oracle.platform import ROOT, is_pluggable
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.size import (
    NOT_APPLICABLE,
    DatabaseSize,
    Measure,
    SizeSnapshot,
    TableSize,
    TablespaceSize,
)


@dataclass(frozen=True, slots=True)
class NameRow:
    """The row of `size_container.sql`."""

    name: str


@dataclass(frozen=True, slots=True)
class FilesRow:
    """A row of `size_files*.sql`: one tablespace. Bytes are None where all files are offline."""

    container: str | None
    tablespace_name: str
    is_temporary: int
    total_bytes: int | None
    maximum_bytes: int | None
    unreadable_files: int


@dataclass(frozen=True, slots=True)
class UsedRow:
    """A row of `size_used*.sql`: one permanent tablespace."""

    container: str | None
    tablespace_name: str
    used_bytes: int | None
    status: str | None = None
    extent_management: str | None = None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of `size_tables*.sql`."""

    container: str | None
    schema_name: str
    table_name: str
    data_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class RedoRow:
    """The row of `size_redo.sql`; None where no log was seen."""

    total_bytes: int | None


CONTAINER = Query("size_container", NameRow, (), (Variant(OLDEST, "size_container.sql"),), ANYBODY)
FILES = query("size_files", FilesRow, (), ("DBA_DATA_FILES", "DBA_TEMP_FILES"))
USED = query("size_used", UsedRow, (), ("DBA_TABLESPACES", "DBA_TABLESPACE_USAGE_METRICS"))
TABLES = query("size_tables", TableRow, (), ("DBA_SEGMENTS", "DBA_INDEXES", "DBA_LOBS"))
REDO = Query(
    "size_redo",
    RedoRow,
    (),
    (
        Variant(OLDEST, "size_redo.sql"),
        Variant(OLDEST, "size_redo.sql", ROOT, root_needs_of("V_$LOG")),
    ),
    needs_of("V_$LOG"),
    made=managed_variants(OLDEST, "size_redo.sql", "V_$LOG"),
)
SIZE_QUERIES = (CONTAINER, CONTAINERS, FILES, USED, TABLES, REDO)


def measure(reader: SizeReader) -> SizeSnapshot:
    """Measure the database that was connected to, or from the root every open one.

    The list of databases is read last: what was dropped meanwhile is not in it.
    """
    found = _Found(reader)
    databases = found.of_root() if reader.server.place == ROOT else (found.of_one(),)
    return SizeSnapshot(
        server=reader.server,
        observed_at=reader.observed_at,
        databases=databases,
        log=NOT_APPLICABLE if is_pluggable(reader.server.place) else _redo(reader),
        tablespaces=found.tablespaces(),
    )


class _Found:
    """What was read of all databases, each by the container that it is of."""

    def __init__(self, reader: SizeReader) -> None:
        self._reader = reader
        self._files = reader.read(FILES)
        self._used = reader.read(USED)
        self._tables: Reading[TableRow] = Reading()
        if reader.largest_tables:
            self._tables = reader.read(TABLES, wanted=reader.largest_tables)

    def of_one(self) -> DatabaseSize:
        """Return the size of the database that was connected to."""
        listed = self._reader.read(CONTAINER)
        if listed.failure is not None:
            raise PrivilegeError(f"The database has no name: {listed.failure.reason}")
        return self._database(listed.rows[0].name, "")

    def of_root(self) -> tuple[DatabaseSize, ...]:
        """Return the sizes of the root and of all pluggable databases."""
        listed = self._reader.read(CONTAINERS)
        if listed.failure is not None:
            raise PrivilegeError(
                f"The pluggable databases could not be listed: {listed.failure.reason}",
                hint="Check what the monitoring account may read.",
            )
        rows = checked(listed.rows, self._reader.username)
        return (self._database(ROOT_NAME, ""), *map(self._pluggable, rows))

    def _pluggable(self, row: ContainerRow) -> DatabaseSize:
        if row.name == SEED:
            return DatabaseSize(SEED, _seed(row, self._reader.username))
        entry = entry_of(row, self._reader.username)
        if entry.is_readable:
            return self._database(row.name, row.name)
        hidden = _hidden(entry)
        self._reader.warn(hidden.reason)
        return DatabaseSize(row.name, hidden, hidden, temporary=hidden)

    def _database(self, name: str, container: str) -> DatabaseSize:
        failure, tables = self._files.failure, self._largest(container)
        if failure is not None:
            held = self._data(name, container)
            return DatabaseSize(name, failure, held, temporary=failure, tables=tables)
        rows = [row for row in self._files.rows if (row.container or "") == container]
        data = [row for row in rows if not row.is_temporary]
        if not data:
            unseen = self._unseen(name, container)
            return DatabaseSize(name, unseen, unseen, temporary=unseen)
        return DatabaseSize(
            name,
            total=self._sum(name, data),
            data=self._data(name, container),
            temporary=self._sum(name, [row for row in rows if row.is_temporary]),
            tables=tables,
            maximum_bytes=_maximum(data),
        )

    def _unseen(self, name: str, container: str) -> Measure:
        """Return why no file was seen of a database, although each has some."""
        needs = f" {it_needs(show_containers(self._reader.username))}" if container else ""
        unseen = Measure.denied(f"Database {name}: no file of it may be seen.{needs}")
        self._reader.warn(unseen.reason)
        return unseen

    def _sum(self, name: str, rows: Sequence[FilesRow]) -> Measure:
        """Add tablespaces up; unknown where a file of one is offline, zero where none is."""
        measured = Measure.sum(_files(row, f"Database {name}: tablespace") for row in rows)
        if measured.is_missing:
            self._reader.warn(measured.reason)
        return Measure.known(0) if measured is NOT_APPLICABLE else measured

    def _data(self, name: str, container: str) -> Measure:
        if self._used.failure is not None:
            return self._used.failure
        rows = [row for row in self._used.rows if (row.container or "") == container]
        missing = [row for row in rows if row.used_bytes is None]
        if missing or not rows:
            unknown = Measure.unreachable(
                f"Database {name}: what is used of {_unmeasured(missing)}."
            )
            self._reader.warn(unknown.reason)
            return unknown
        return Measure.known(sum(int(row.used_bytes or 0) for row in rows))

    def _largest(self, container: str) -> tuple[TableSize, ...]:
        return tuple(
            TableSize(
                row.schema_name,
                row.table_name,
                int(row.data_bytes + row.index_bytes),
                int(row.data_bytes),
                int(row.index_bytes),
            )
            for row in self._tables.rows
            if (row.container or "") == container
        )

    def tablespaces(self) -> tuple[TablespaceSize, ...]:
        """Return all tablespaces, named like accounts: by their database where not the root's."""
        is_root = self._reader.server.place == ROOT
        return tuple(
            TablespaceSize(
                account_name(row.tablespace_name, row.container or "", is_root=is_root),
                _files(row, "Tablespace"),
                _maximum([row]),
            )
            for row in self._files.rows
        )


def _files(row: FilesRow, what: str) -> Measure:
    if row.unreadable_files or row.total_bytes is None:
        return Measure.unreachable(
            f"{what} {row.tablespace_name}: the size of {row.unreadable_files} files is not known; "
            "they are offline."
        )
    return Measure.known(row.total_bytes)


def _unmeasured(rows: Sequence[UsedRow]) -> str:
    """Say of which tablespaces it is not known what is used, and why where that shows."""
    if not rows:
        return "any tablespace is not known: none was seen"
    return ", ".join(
        f"tablespace {row.tablespace_name} is not known: {_cause(row)}" for row in rows
    )


def _cause(row: UsedRow) -> str:
    if row.status == "OFFLINE":
        return "it is offline"
    if row.extent_management == "DICTIONARY":
        return "the dictionary manages its extents, and the metrics leave it out"
    return "the metrics leave it out"


def _maximum(rows: Sequence[FilesRow]) -> int | None:
    """Return how large files may get together; None: the size of one is not known."""
    if any(row.unreadable_files or row.maximum_bytes is None for row in rows):
        return None
    return sum(int(row.maximum_bytes or 0) for row in rows)


def _seed(row: ContainerRow, username: str) -> Measure:
    """Return the size of the template, whose rows the views of the root leave out.

    V$PDBS tells it, of the containers that CONTAINER_DATA shows.
    """
    if row.total_bytes:
        return Measure.known(row.total_bytes)
    if row.open_mode is None:
        return _hidden(entry_of(row, username))
    return Measure.unreachable(f"Database {SEED} is not open.")


def _hidden(entry: DatabaseEntry) -> Measure:
    """Return why a pluggable database is not measured."""
    if entry.missing:
        return Measure.denied(f"Database {entry.name}: {entry.reason}. {it_needs(entry.missing)}")
    return Measure.unreachable(f"Database {entry.name}: {entry.reason}.")


def _redo(reader: SizeReader) -> Measure:
    reading = reader.read(REDO)
    if reading.failure is not None:
        return reading.failure
    found = reading.rows[0].total_bytes
    if found is not None:
        return Measure.known(found)
    unseen = Measure.unreachable("No redo log was seen, although an open database has some.")
    reader.warn(unseen.reason)
    return unseen
