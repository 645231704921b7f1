"""The sizes of a PostgreSQL server.

Source: PostgreSQL manual 9.28.7 (Database Object Size Functions) and 9.28.9 (Generic File
Access Functions): a database's size needs CONNECT or pg_read_all_stats; the listings of
the write-ahead log and of temporary files need pg_monitor, which has the former too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync_pipeline.engines.base import ANYBODY, Query, SizeReader, Variant
from sync_pipeline.engines.postgresql.lost import (
    missing_file,
    with_locks,
    without_lost,
)
from sync_pipeline.engines.postgresql.names import UNSPEAKABLE, grant_connect
from sync_pipeline.engines.postgresql.platform import closed_databases
from sync_pipeline.engines.postgresql.text import is_raw
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.size import (
    NOT_APPLICABLE,
    DatabaseSize,
    Measure,
    MeasureState,
    SizeSnapshot,
    TableSize,
    TablespaceSize,
)

MONITOR = "GRANT pg_monitor TO {user};"
CONNECT = "GRANT CONNECT ON DATABASE {database} TO {user};"
SHARED_TABLESPACE = "pg_global"
_SINCE = (14,)


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """A row of `size_databases.sql`."""

    oid: int
    name: str
    allows_connections: bool
    is_invalid: bool
    may_connect: bool


@dataclass(frozen=True, slots=True)
class TotalRow:
    """The row of `size_database.sql`."""

    may_measure: bool
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class ObjectsRow:
    """The row of `size_objects.sql`."""

    data_bytes: int
    index_bytes: int
    missing_name: str | None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of `size_tables.sql`."""

    schema_name: str
    table_name: str
    data_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class TablespaceRow:
    """A row of `size_tablespaces.sql`."""

    name: str
    may_measure: bool
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class BytesRow:
    """The row of `size_wal.sql` and of `size_temporary.sql`."""

    bytes: int


def _variants(name: str) -> tuple[Variant, ...]:
    return (Variant(_SINCE, f"{name}.sql"),)


DATABASES = Query(
    "size_databases",
    DatabaseRow,
    (),
    _variants("size_databases"),
    ANYBODY,
    count="count_size_databases.sql",
)
TOTAL = Query("size_database", TotalRow, (), _variants("size_database"), MONITOR)
OBJECTS = Query(
    "size_objects", ObjectsRow, (), _variants("size_objects"), CONNECT, per_database=True
)
TABLES = Query("size_tables", TableRow, (), _variants("size_tables"), CONNECT, per_database=True)
TABLESPACES = Query("size_tablespaces", TablespaceRow, (), _variants("size_tablespaces"), MONITOR)
WAL = Query("size_wal", BytesRow, (), _variants("size_wal"), MONITOR)
TEMPORARY = Query("size_temporary", BytesRow, (), _variants("size_temporary"), MONITOR)


def measure(reader: SizeReader) -> SizeSnapshot:
    """Measure the server: one statement a database, so that one failure stays one.

    A database that is dropped meanwhile is not in the snapshot: what could not be read
    is looked for once more in a new listing.
    """
    listed = reader.read(DATABASES)
    if listed.failure is not None:
        raise PrivilegeError(
            f"The databases could not be listed: {listed.failure.reason}",
            hint="Check what the monitoring account may read.",
        )
    found = [_database(reader, row) for row in listed.rows]
    if any(item.total.is_missing or item.data.is_missing for item in found):
        still = {row.name for row in reader.databases_now(DATABASES)}
        for item in found:
            if item.name not in still:
                reader.warn(f"Database {item.name} was dropped while it was measured.")
        found = [item for item in found if item.name in still]
    tablespaces, shared = _tablespaces(reader)
    found = _whole(reader, listed.rows, found, tablespaces)
    return SizeSnapshot(
        server=reader.server,
        observed_at=reader.observed_at,
        databases=tuple(found),
        log=_bytes(reader, WAL),
        temporary=_bytes(reader, TEMPORARY),
        shared=shared,
        tablespaces=tablespaces,
    )


def _whole(
    reader: SizeReader,
    rows: Sequence[DatabaseRow],
    found: list[DatabaseSize],
    tablespaces: Sequence[TablespaceSize],
) -> list[DatabaseSize]:
    """Return the sizes, unknown where a tablespace with some of the files is not there."""
    lost = [item.name for item in tablespaces if item.total.state is MeasureState.UNREACHABLE]
    if not lost:
        return found
    openable = {
        row.name
        for row in rows
        if row.allows_connections and row.may_connect and not is_raw(row.name)
    }
    return [without_lost(reader, item, lost, can_be_opened=item.name in openable) for item in found]


def _database(reader: SizeReader, row: DatabaseRow) -> DatabaseSize:
    name = row.name
    if reader.is_excluded(name):
        return DatabaseSize(name, NOT_APPLICABLE)
    is_closed = not row.allows_connections or name in closed_databases(reader.server.platform)
    if is_closed and not row.is_invalid:
        # Its tables can't be counted, by design of the server: no reason for a warning.
        return DatabaseSize(name, _total(reader, row))
    return _not_opened(reader, row) or _opened(reader, row)


def _not_opened(reader: SizeReader, row: DatabaseRow) -> DatabaseSize | None:
    """Return the size of a database that can't be opened, with the reason; None: it can."""
    name = row.name
    if row.is_invalid:
        broken = Measure.unreachable(f"Database {name} is invalid; drop it.")
        reader.warn(broken.reason)
        return DatabaseSize(name, broken, broken, broken)
    if not row.may_connect:
        needs = grant_connect(name, reader.username)
        closed = Measure.denied(f"CONNECT on database {name} is missing. {it_needs(needs)}")
        reader.warn(closed.reason)
        return DatabaseSize(name, _total(reader, row), closed, closed)
    if is_raw(name):
        unspeakable = Measure.unreachable(f"Database {name} was not opened: {UNSPEAKABLE}.")
        reader.warn(unspeakable.reason)
        return DatabaseSize(name, _total(reader, row), unspeakable, unspeakable)
    return None


def _opened(reader: SizeReader, row: DatabaseRow) -> DatabaseSize:
    beyond = reader.may_read_in(row.name)
    if beyond is not None:
        return DatabaseSize(row.name, _total(reader, row), beyond, beyond)
    found = _held(reader, row.name)
    # Last, because the first connection to a database writes files of its own.
    return replace(found, total=_total(reader, row))


def _held(reader: SizeReader, name: str) -> DatabaseSize:
    """Return what the tables of a database hold; its total is still to be read."""
    queries = (OBJECTS, TABLES) if reader.largest_tables else (OBJECTS,)
    objects, *rest = reader.read_in(name, *queries, limit=reader.largest_tables)
    if objects.failure is not None:
        failure = objects.failure
        if objects.is_timeout:
            failure = with_locks(reader, name, failure)
        return DatabaseSize(name, NOT_APPLICABLE, failure, failure)
    (held,) = objects.rows
    tables = tuple(
        TableSize(
            item.schema_name,
            item.table_name,
            item.data_bytes + item.index_bytes,
            item.data_bytes,
            item.index_bytes,
        )
        for reading in rest
        for item in reading.rows
    )
    data, index = Measure.known(held.data_bytes), Measure.known(held.index_bytes)
    if held.missing_name is not None:
        data = index = missing_file(reader, name, held.missing_name)
    return DatabaseSize(name, NOT_APPLICABLE, data, index, tables=tables)


def _total(reader: SizeReader, row: DatabaseRow) -> Measure:
    reading = reader.read(TOTAL, database=row.name, oid=row.oid)
    if reading.failure is not None:
        return reading.failure
    if not reading.rows:
        return Measure.unreachable(f"Database {row.name} is gone.")
    return _told(reader, f"Database {row.name}", reading.rows[0])


def _told(reader: SizeReader, what: str, row: TotalRow | TablespaceRow) -> Measure:
    """Return a size, or why there is none: the two causes are asked for, not guessed."""
    if row.total_bytes is not None:
        return Measure.known(row.total_bytes)
    if row.may_measure:
        missing = Measure.unreachable(
            f"{what} has no size: the server can't open its directory. Look whether it is there "
            "and whose it is."
        )
    else:
        missing = Measure.denied(f"{what} may not be measured. {it_needs(reader.filled(MONITOR))}")
    reader.warn(missing.reason)
    return missing


def _bytes(reader: SizeReader, query: Query[BytesRow]) -> Measure:
    reading = reader.read(query)
    return reading.failure or Measure.known(reading.rows[0].bytes)


def _tablespaces(reader: SizeReader) -> tuple[tuple[TablespaceSize, ...], Measure]:
    """Return the tablespaces, and what the catalogs shared by all databases take."""
    reading = reader.read(TABLESPACES)
    if reading.failure is not None:
        return (), reading.failure
    found = tuple(
        TablespaceSize(row.name, _told(reader, f"Tablespace {row.name}", row))
        for row in reading.rows
    )
    shared = [item.total for item in found if item.name == SHARED_TABLESPACE]
    return found, shared[0] if shared else NOT_APPLICABLE
