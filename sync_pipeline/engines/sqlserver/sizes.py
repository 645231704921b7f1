"""The sizes of a SQL Server instance.

Sources: SQL Server documentation, sys.master_files and sys.database_files (size, max_size,
growth; who may see rows), sys.dm_db_partition_stats, sys.dm_io_virtual_file_stats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipeline.engines.access.doubts import MOST_NAMED
from sync_pipeline.engines.base import ANYBODY, DatabaseEntry, Query, SizeReader, Variant
from sync_pipeline.engines.sqlserver.accounts.hidden import hidden_databases
from sync_pipeline.engines.sqlserver.accounts.parse import (
    caution,
    is_providers,
    lacks_connect,
    unreadable,
)
from sync_pipeline.engines.sqlserver.accounts.queries import (
    CONNECT,
    DATABASES,
    DEFINITIONS,
    DENIED,
    MISSING_DATABASES,
    OLDEST,
    STATE,
    query,
)
from sync_pipeline.engines.sqlserver.accounts.rows import DatabaseRow
from sync_pipeline.engines.sqlserver.names import opens_database
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.size import (
    NOT_APPLICABLE,
    DatabaseSize,
    Measure,
    SizeSnapshot,
    TableSize,
)
from sync_pipeline.model.text import first_names

PAGE = 8192
TEMPDB = "tempdb"
ROWS, LOG, CONTAINERS = 0, 1, 2
ONLINE, RECOVERY_PENDING = 0, 3
"""States of a database (Database States): of the latter files may be missing."""


@dataclass(frozen=True, slots=True)
class FilesRow:
    """A row of `size_files.sql`: the files of one type of one database, in pages."""

    database_id: int
    type: int
    files: int
    pages: int
    sparse_files: int
    absent_files: int
    unlimited_files: int
    maximum_pages: int


@dataclass(frozen=True, slots=True)
class SparseRow:
    """A row of `size_sparse.sql`."""

    database_id: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class PagesRow:
    """The row of `size_containers.sql` and of `size_temporary.sql`."""

    pages: int


@dataclass(frozen=True, slots=True)
class ObjectsRow:
    """The row of `size_objects.sql`."""

    data_pages: int
    index_pages: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of `size_tables.sql`."""

    schema_name: str
    table_name: str
    data_pages: int
    index_pages: int


FILES = query("size_files", FilesRow, needs=DEFINITIONS, check="check_files.sql")
SPARSE = query("size_sparse", SparseRow, needs=STATE)
TEMPORARY = query("size_temporary", PagesRow, needs=ANYBODY)
CONTAINER_PAGES = Query(
    "size_containers",
    PagesRow,
    (),
    (Variant(OLDEST, "size_containers.sql"),),
    CONNECT,
    per_database=True,
)
OBJECTS = Query(
    "size_objects",
    ObjectsRow,
    (),
    (Variant(OLDEST, "size_objects.sql"),),
    STATE,
    per_database=True,
    check="check_objects.sql",
    check_needs=DEFINITIONS,
    denied="denied_in_database.sql",
)
TABLES = Query(
    "size_tables",
    TableRow,
    (),
    (Variant(OLDEST, "size_tables.sql"),),
    STATE,
    per_database=True,
    check="check_objects.sql",
    check_needs=DEFINITIONS,
    denied="denied_in_database.sql",
)


@dataclass(frozen=True, slots=True)
class _Files:
    """What the server itself says of the files, by database and type."""

    by_database: Mapping[int, Mapping[int, FilesRow]]
    snapshots: Measure
    failure: Measure | None


def measure(reader: SizeReader) -> SizeSnapshot:
    """Measure the instance: files from the server, contents from each open database.

    What database snapshots take on disk belongs to no database (Database snapshots, sparse
    files).

    A database that is dropped meanwhile is not in the snapshot: what could not be read is
    looked for once more in a new listing.

    Raises:
        PrivilegeError: the databases could not be listed.
    """
    listed = reader.read(DATABASES)
    if listed.failure is not None:
        raise PrivilegeError(
            f"The databases could not be listed: {listed.failure.reason}",
            hint="Check what the monitoring account may read.",
        )
    hidden = _hidden(reader, listed.rows)
    files = _files(reader)
    rows = [row for row in listed.rows if row.name != TEMPDB and not row.is_snapshot]
    found = [_database(reader, row, files) for row in rows]
    if any(item.total.is_missing or item.data.is_missing for item in found):
        still = {row.name for row in reader.databases_now(DATABASES)}
        for item in found:
            if item.name not in still:
                reader.warn(f"Database {item.name} was dropped while it was measured.")
        found = [item for item in found if item.name in still]
    started = [row for row in rows if caution(row) and not unreadable(row)]
    if started:
        names = first_names([row.name for row in started[:MOST_NAMED]], len(started))
        reader.warn(f"{caution(started[0])}: {names}.")
    temporary = reader.read(TEMPORARY)
    return SizeSnapshot(
        server=reader.server,
        observed_at=reader.observed_at,
        databases=tuple(found),
        inventory_is_complete=hidden is NOT_APPLICABLE,
        hidden=hidden,
        temporary=temporary.failure or Measure.known(temporary.rows[0].pages * PAGE),
        shared=files.snapshots,
    )


def _hidden(reader: SizeReader, listed: Sequence[DatabaseRow]) -> Measure:
    """Return why other databases may be there than are listed; not applicable: all are."""
    reading = reader.read(MISSING_DATABASES)
    if reading.failure is not None:
        return reading.failure
    for row in reading.rows:
        denied = reader.attempt(DENIED, permission=row.missing).rows
        seen = [
            DatabaseEntry(item.name, is_readable=True) for item in listed if not item.is_snapshot
        ]
        found = Measure.denied(str(hidden_databases(seen, row.missing, denied, reader.username)))
        reader.warn(found.reason)
        return found
    return NOT_APPLICABLE


def _files(reader: SizeReader) -> _Files:
    reading = reader.read(FILES)
    found: dict[int, dict[int, FilesRow]] = {}
    for row in reading.rows:
        found.setdefault(row.database_id, {})[row.type] = row
    snapshots = NOT_APPLICABLE
    if any(row.sparse_files for row in reading.rows):
        sparse = reader.read(SPARSE)
        taken = sum(row.disk_bytes for row in sparse.rows)
        snapshots = sparse.failure or Measure.known(taken)
    return _Files(found, snapshots, reading.failure)


def _database(reader: SizeReader, row: DatabaseRow, files: _Files) -> DatabaseSize:
    if reader.is_excluded(row.name):
        return DatabaseSize(row.name, NOT_APPLICABLE)
    own = files.by_database.get(row.database_id, {})
    queries: list[Query[Any]] = [CONTAINER_PAGES, OBJECTS]
    if reader.largest_tables:
        queries.append(TABLES)
    closed = _closed(reader, row)
    if closed is None:
        containers, objects, *rest = reader.read_in(row.name, *queries, limit=reader.largest_tables)
        held = containers.failure or Measure.known(containers.rows[0].pages * PAGE)
        data = objects.failure or Measure.known(objects.rows[0].data_pages * PAGE)
        index = objects.failure or Measure.known(objects.rows[0].index_pages * PAGE)
        tables = tables_of([item for reading in rest for item in reading.rows])
    else:
        held = closed if CONTAINERS in own else Measure.known(0)
        data = index = NOT_APPLICABLE if is_providers(row) else closed
        tables = ()
    log = files.failure or Measure.known(own[LOG].pages * PAGE if LOG in own else 0)
    return DatabaseSize(
        name=row.name,
        total=_absent(reader, row, own) or _total(reader, row, files, held),
        data=data,
        index=index,
        log=log,
        tables=tables,
        maximum_bytes=_maximum(own),
    )


def _closed(reader: SizeReader, row: DatabaseRow) -> Measure | None:
    """Return why a database is not opened, None where it is."""
    reason = unreadable(row)
    if not reason:
        return reader.may_read_in(row.name)
    if lacks_connect(row):
        needs = opens_database(row.name, reader.username)
        closed = Measure.denied(f"Database {row.name}: {reason}. {it_needs(needs)}")
    else:
        closed = Measure.unreachable(f"Database {row.name} was not opened: {reason}.")
    if is_providers(row):
        reader.note(closed.reason)
        return closed
    reader.warn(closed.reason)
    return closed


def _absent(reader: SizeReader, row: DatabaseRow, own: Mapping[int, FilesRow]) -> Measure | None:
    """Return why files may not be there, which the server lists with their last size; or None.

    Of a database that is offline as a whole every file is, and takes its disk.
    """
    count = sum(item.absent_files for item in own.values())
    if row.state == RECOVERY_PENDING:
        reason = "files of it may be missing: its recovery is pending"
    elif row.state == ONLINE and count:
        reason = f"{count} files are offline or pending recovery, and may not be on the disk"
    else:
        return None
    absent = Measure.unreachable(f"Database {row.name}: {reason}.")
    reader.warn(absent.reason)
    return absent


def _total(reader: SizeReader, row: DatabaseRow, files: _Files, held: Measure) -> Measure:
    """Return what the files take on disk; containers have a size only in their database."""
    if files.failure is not None:
        return files.failure
    own = files.by_database.get(row.database_id)
    if own is None:
        hidden = Measure.unreachable(f"Database {row.name}: its files are not listed.")
        reader.warn(hidden.reason)
        return hidden
    pages = sum(item.pages for kind, item in own.items() if kind != CONTAINERS)
    return Measure.sum((Measure.known(pages * PAGE), held if CONTAINERS in own else _NOTHING))


_NOTHING = Measure.known(0)


def _maximum(own: Mapping[int, FilesRow]) -> int | None:
    """Return how large the total may grow with the log as it is, None: until the disk is full.

    The cap of the log, 2 TiB where nobody set one, is no room for data.
    """
    data = [item for kind, item in own.items() if kind != LOG]
    if not data or any(item.unlimited_files for item in data):
        return None
    log = own[LOG].pages if LOG in own else 0
    return (sum(item.maximum_pages for item in data) + log) * PAGE


def tables_of(rows: Sequence[TableRow]) -> tuple[TableSize, ...]:
    """Return the largest tables from their rows."""
    return tuple(
        TableSize(
            row.schema_name,
            row.table_name,
            (row.data_pages + row.index_pages) * PAGE,
            row.data_pages * PAGE,
            row.index_pages * PAGE,
        )
        for row in rows
    )
