"""From the rows of MySQL's and MariaDB's size queries to a snapshot. Pure but for the reads.

Sources: MySQL 8.4 Reference Manual 28.3.23 (INFORMATION_SCHEMA SCHEMATA), 28.3.38 (TABLES),
28.4 (InnoDB tables), 15.7.7.1 (SHOW BINARY LOGS); MariaDB Knowledge Base, Information
Schema INNODB_SYS_TABLESPACES. The catalogs show an account only what it has privileges
on, without an error: so the account's own privileges are read first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sync_pipeline.engines.access.doubts import plain
from sync_pipeline.engines.base import ANYBODY, Query, Reading, RowT, SizeReader, Variant, Version
from sync_pipeline.engines.mysql_protocol.privileges import SEES_TABLES
from sync_pipeline.engines.mysql_protocol.size_tables import (
    AllHeld,
    EngineRow,
    Held,
    HeldRow,
    SchemaRow,
    TableQueries,
    largest,
    read_held,
)
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

SYSTEM_DATABASES = (r"information\_schema", r"performance\_schema")
GRANT_TABLES = "GRANT SHOW VIEW ON *.* TO {user};"
GRANT_FILES = "GRANT PROCESS ON *.* TO {user};"
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_MAXIMUM = re.compile(r":autoextend:max:(\d+)([KMG]?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NameRow:
    """A row of `size_databases.sql`."""

    name: str


@dataclass(frozen=True, slots=True)
class PrivilegeRow:
    """A row of `size_privileges.sql`."""

    privilege: str


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A row of `size_shared_tables.sql`."""

    name: str
    shared_tables: int
    shared_bytes: int


@dataclass(frozen=True, slots=True)
class SharedNameRow:
    """A row of `size_shared_names.sql`; a zero byte ends a name like `aux@@@`."""

    schema_name: str
    table_name: str


@dataclass(frozen=True, slots=True)
class LogTablesRow:
    """The row of `size_log_tables.sql`."""

    has_general: int
    has_slow: int


@dataclass(frozen=True, slots=True)
class ServerFileRow:
    """A row of `size_server_files.sql`; no bytes: the file is not found."""

    name: str
    is_temporary: int
    file_bytes: int | None

    @property
    def size(self) -> Measure:
        """Return what the file takes."""
        if self.file_bytes is None:
            return Measure.unreachable(f"Tablespace {plain(self.name)}: its file is not found.")
        return Measure.known(self.file_bytes)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of `size_tables.sql`."""

    schema_name: str
    table_name: str
    data_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class VariablesRow:
    """The row of `size_variables.sql`."""

    keeps_binary_logs: int
    writes_log_tables: int
    data_file_path: str


@dataclass(frozen=True, slots=True)
class SizeQueries:
    """The queries of one engine, all with the row types of this module."""

    databases: Query[NameRow]
    privileges: Query[PrivilegeRow]
    held: TableQueries
    shared: Query[SharedRow]
    server_files: Query[ServerFileRow]
    tables: Query[TableRow]
    variables: Query[VariablesRow]
    log_tables: Query[LogTablesRow]
    shared_names: Query[SharedNameRow] | None = None


def size_query(name: str, row: type[RowT], needs: str = ANYBODY, *, since: Version) -> Query[RowT]:
    """Declare a query whose file has its name."""
    return Query(name, row, (), (Variant(since, f"{name}.sql"),), needs)


def size_queries(since: Version) -> SizeQueries:
    """Declare the queries of an engine, whose oldest version is `since`."""
    query = partial(size_query, since=since)
    databases = query("size_databases", NameRow, GRANT_TABLES)
    return SizeQueries(
        databases=replace(databases, count="count_size_databases.sql"),
        privileges=query("size_privileges", PrivilegeRow),
        held=TableQueries(
            schemas=query("size_schemas", SchemaRow, GRANT_TABLES),
            engines=query("size_engines", EngineRow, GRANT_TABLES),
            listed=query("size_listed", HeldRow, GRANT_TABLES),
            single=query("size_single", HeldRow, GRANT_TABLES),
        ),
        shared=query("size_shared_tables", SharedRow, GRANT_FILES),
        server_files=query("size_server_files", ServerFileRow, GRANT_FILES),
        tables=query("size_tables", TableRow, GRANT_TABLES),
        variables=query("size_variables", VariablesRow),
        log_tables=query("size_log_tables", LogTablesRow),
    )


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Bytes of the files of each database, and a file of it that was not found.

    `failure` is why they could not be read.
    """

    by_database: Mapping[str, int]
    missing: Mapping[str, str] = field(default_factory=dict)
    failure: Measure | None = None


@dataclass(frozen=True, slots=True)
class _Shared:
    """What databases hold in files that they share: tables and bytes of each."""

    by_database: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    failure: Measure | None = None

    @property
    def bytes(self) -> int:
        """Return the bytes of all databases."""
        return sum(found for _, found in self.by_database.values())


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was read of the databases. `logs` is why the log tables have no size."""

    held: AllHeld
    shared: _Shared
    files: OwnFiles
    hidden: Measure | None
    logs: str


def snapshot(
    reader: SizeReader,
    queries: SizeQueries,
    read_files: Callable[[Sequence[str]], OwnFiles],
    redo: Measure,
    binary_logs: Measure,
) -> SizeSnapshot:
    """Put together what the engine's own reads and the shared queries found.

    `read_files` is given the names of the databases. They are listed after their tables were
    read, so that what is dropped meanwhile is not there, and never 0.

    Raises:
        PrivilegeError: the databases could not be listed.
    """
    whole = reader.attempt(queries.held.schemas)
    listed = reader.read(queries.databases)
    if listed.failure is not None:
        raise PrivilegeError(f"The databases could not be listed: {listed.failure.reason}")
    names = [row.name for row in listed.rows]
    privileges = {row.privilege for row in reader.read(queries.privileges).rows}
    variables = reader.read(queries.variables)
    held = read_held(reader, queries.held, whole, names)
    parts = _Parts(
        held,
        _shared(reader, queries, held),
        _files_found(lambda: read_files(names)),
        None if privileges & SEES_TABLES else _hidden_tables(reader),
        _log_tables(reader, queries, held, variables),
    )
    sees_all = bool(privileges & (SEES_TABLES | {"SHOW DATABASES"}))
    if not sees_all:
        reader.warn(
            "The list of databases may lack some, so none is marked as vanished. "
            + it_needs(reader.filled(GRANT_TABLES))
        )
    tables = _tables(reader, queries, held)
    server_files = reader.read(queries.server_files)
    for row in server_files.rows:
        if row.size.is_missing:
            reader.warn(row.size.reason)
    return SizeSnapshot(
        server=reader.server,
        observed_at=reader.observed_at,
        databases=tuple(_database(reader, name, parts, tables[name]) for name in names),
        inventory_is_complete=sees_all,
        log=Measure.sum((redo, binary_logs)),
        temporary=_server_bytes(server_files, is_temporary=True),
        shared=_shared_bytes(server_files, parts.shared),
        tablespaces=_tablespaces(server_files, variables),
    )


def _files_found(read_files: Callable[[], OwnFiles]) -> OwnFiles:
    """Read the files; once more where one is missing, which may just have been made or dropped."""
    files = read_files()
    if not files.missing:
        return files
    again = read_files()
    still = {name: file for name, file in again.missing.items() if files.missing.get(name) == file}
    return replace(again, missing=still)


def _shared(reader: SizeReader, queries: SizeQueries, held: AllHeld) -> _Shared:
    """Return what tables hold in shared files; nothing more is read where none lies there."""
    names: Sequence[SharedNameRow] = ()
    if queries.shared_names is not None:
        found = reader.read(queries.shared_names)
        if found.failure is not None or not found.rows:
            return _Shared(failure=found.failure)
        names = found.rows
        if held.is_narrowed:
            return _Shared(_shared_of(names, held))
    reading = reader.read(queries.shared)
    return _Shared(
        {row.name: (row.shared_tables, row.shared_bytes) for row in reading.rows},
        reading.failure,
    )


def _shared_of(names: Iterable[SharedNameRow], held: AllHeld) -> Mapping[str, tuple[int, int]]:
    """Add up the tables that were read for themselves; one without a size is named elsewhere."""
    wanted = {(row.schema_name.rstrip("\0"), row.table_name.rstrip("\0")) for row in names}
    found: dict[str, tuple[int, int]] = {}
    for schema, item in held.by_schema.items():
        mine = [row for row in item.tables if (schema, row.table_name) in wanted]
        if mine:
            total = sum((row.data_bytes or 0) + (row.index_bytes or 0) for row in mine)
            found[schema] = (len(mine), total)
    return found


def _log_tables(
    reader: SizeReader, queries: SizeQueries, held: AllHeld, variables: Reading[VariablesRow]
) -> str:
    """Return why the size of the log tables is not known; nothing where they are empty.

    An account that may not look into them takes those that nothing is written to as empty.
    """
    if not any(item.log_tables for item in held.by_schema.values()):
        return ""
    looked = reader.attempt(queries.log_tables)
    if looked.failure is None:
        is_filled = any(row.has_general or row.has_slow for row in looked.rows)
    else:
        is_filled = variables.failure is not None or any(
            row.writes_log_tables for row in variables.rows
        )
    if not is_filled:
        return ""
    return (
        "Database mysql: the server tells no size of its log tables (CSV), which are not empty. "
        "Empty them (TRUNCATE), or keep the logs in files (log_output)."
    )


def maximum_bytes(data_file_path: str) -> int | None:
    """Return the autogrow cap of `innodb_data_file_path` in bytes, None where it has none.

    Source: MySQL 8.4 Reference Manual 17.6.3.1 (The System Tablespace).
    """
    found = _MAXIMUM.search(data_file_path)
    return int(found[1]) * _UNITS[found[2].upper()] if found else None


def _hidden_tables(reader: SizeReader) -> Measure:
    needs = it_needs(reader.filled(GRANT_TABLES))
    hidden = Measure.denied(f"The account may not see every table. {needs}")
    reader.warn(hidden.reason)
    return hidden


def _database(
    reader: SizeReader, name: str, parts: _Parts, tables: tuple[TableSize, ...]
) -> DatabaseSize:
    held = parts.held.by_schema.get(name, Held())
    logs = parts.logs if held.log_tables else ""
    for reason in filter(None, (held.lost, held.uncounted, logs)):
        reader.warn(reason)
    unknown = held.lost or held.uncounted or logs
    failure = parts.hidden or (Measure.unreachable(unknown) if unknown else None)
    data = failure or Measure.known(held.data_bytes)
    index = failure or Measure.known(held.index_bytes)
    total = _total(reader, name, held, parts)
    return DatabaseSize(name, total, data, index, tables=tables)


def _total(reader: SizeReader, name: str, held: Held, parts: _Parts) -> Measure:
    missing = parts.files.failure or parts.hidden or parts.shared.failure
    if missing is not None:
        return missing
    files = parts.files.by_database.get(name)
    tables, shared = parts.shared.by_database.get(name, (0, 0))
    unknown = held.lost or (parts.logs if held.log_tables else "")
    if name in parts.files.missing:
        file = plain(parts.files.missing[name])
        unknown = f"Database {name}: the file of {file} is not found (removed, or discarded)."
    elif files is None and held.innodb_tables > tables:
        unknown = unknown or f"Database {name}: its files could not be told apart."
    if unknown:
        reader.warn(unknown)
        return Measure.unreachable(unknown)
    return Measure.known((files or 0) + held.plain_bytes + shared)


def _tables(
    reader: SizeReader, queries: SizeQueries, held: AllHeld
) -> Mapping[str, tuple[TableSize, ...]]:
    found: dict[str, tuple[TableSize, ...]] = defaultdict(tuple)
    if not reader.largest_tables:
        return found
    if held.is_narrowed:
        for schema, item in held.by_schema.items():
            rows = largest(item.tables, reader.largest_tables)
            found[schema] = tuple(
                _table(row.table_name, row.data_bytes or 0, row.index_bytes or 0) for row in rows
            )
        return found
    for row in reader.read(queries.tables, limit=reader.largest_tables).rows:
        found[row.schema_name] += (_table(row.table_name, row.data_bytes, row.index_bytes),)
    return found


def _table(name: str, data_bytes: int, index_bytes: int) -> TableSize:
    return TableSize("", name, data_bytes + index_bytes, data_bytes, index_bytes)


def _server_bytes(reading: Reading[ServerFileRow], *, is_temporary: bool) -> Measure:
    if reading.failure is not None:
        return reading.failure
    found = [row.size for row in reading.rows if bool(row.is_temporary) is is_temporary]
    return Measure.sum((Measure.known(0), *found))


def _shared_bytes(reading: Reading[ServerFileRow], shared: _Shared) -> Measure:
    """Return the files of no single database, less what databases hold in them."""
    files = _server_bytes(reading, is_temporary=False)
    if shared.failure is not None or files.bytes is None:
        return shared.failure or files
    return Measure.known(max(0, files.bytes - shared.bytes))


def _tablespaces(
    reading: Reading[ServerFileRow], variables: Reading[VariablesRow]
) -> tuple[TablespaceSize, ...]:
    paths: Sequence[str] = [row.data_file_path for row in variables.rows]
    cap = maximum_bytes(paths[0]) if paths else None
    return tuple(
        TablespaceSize(
            row.name,
            row.size,
            cap if row.name == "innodb_system" else None,
        )
        for row in reading.rows
    )


def binary_logs(reader: SizeReader, queries: SizeQueries, listing: Query[Any]) -> Measure:
    """Return what the binary logs take; a server that writes none refuses to list them."""
    if not any(row.keeps_binary_logs for row in reader.read(queries.variables).rows):
        return NOT_APPLICABLE
    reading = reader.read(listing)
    return reading.failure or Measure.known(sum(row.File_size for row in reading.rows))
