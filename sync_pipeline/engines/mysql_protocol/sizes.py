"""From the rows of MySQL's and MariaDB's size queries to a snapshot. Pure but for the reads.

Sources: MySQL 8.4 Reference Manual 28.3.23 (INFORMATION_SCHEMA SCHEMATA), 28.3.38 (TABLES),
28.4 (InnoDB tables), 15.7.7.1 (SHOW BINARY LOGS); MariaDB Knowledge Base, Information
Schema INNODB_SYS_TABLESPACES. The catalogs show an account only what it has privileges
on, without an error: so the account's own privileges are read first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.engines.base import Query, Reading, SizeReader, filled
from sync_pipeline.engines.mysql_protocol.names import written
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.size import (
    DatabaseSize,
    Measure,
    SizeSnapshot,
    TableSize,
    TablespaceSize,
)

SYSTEM_DATABASES = (r"information\_schema", r"performance\_schema")
SEES_TABLES = frozenset(
    {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "REFERENCES",
        "INDEX",
        "ALTER",
        "CREATE VIEW",
        "SHOW VIEW",
        "TRIGGER",
    }
)
"""Global privileges, any of which shows every table in the information schema."""

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
class SchemaRow:
    """A row of `size_schemas.sql`; `plain_bytes` are tables of engines other than InnoDB.

    `broken` tables could not be opened by the server.
    """

    name: str
    data_bytes: int
    index_bytes: int
    plain_bytes: int
    broken: int


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A row of `size_shared_tables.sql`."""

    name: str
    shared_bytes: int


@dataclass(frozen=True, slots=True)
class ServerFileRow:
    """A row of `size_server_files.sql`."""

    name: str
    is_temporary: int
    file_bytes: int


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
    data_file_path: str


@dataclass(frozen=True, slots=True)
class SizeQueries:
    """The queries of one engine, all with the row types of this module."""

    databases: Query[NameRow]
    privileges: Query[PrivilegeRow]
    schemas: Query[SchemaRow]
    shared: Query[SharedRow]
    server_files: Query[ServerFileRow]
    tables: Query[TableRow]
    variables: Query[VariablesRow]


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Bytes of the files of each database; `is_whole` is false where some have no name.

    `failure` is why they could not be read.
    """

    by_database: Mapping[str, int]
    is_whole: bool = True
    failure: Measure | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was read of the databases."""

    schemas: Reading[SchemaRow]
    shared: Reading[SharedRow]
    files: OwnFiles
    hidden: Measure | None


def snapshot(
    reader: SizeReader, queries: SizeQueries, files: OwnFiles, redo: Measure, binary_logs: Measure
) -> SizeSnapshot:
    """Put together what the engine's own reads and the shared queries found.

    Raises:
        PrivilegeError: the databases could not be listed.
    """
    listed = reader.read(queries.databases)
    if listed.failure is not None:
        raise PrivilegeError(f"The databases could not be listed: {listed.failure.reason}")
    held = {row.privilege for row in reader.read(queries.privileges).rows}
    parts = _Parts(
        reader.read(queries.schemas),
        reader.read(queries.shared),
        files,
        None if held & SEES_TABLES else _hidden_tables(reader),
    )
    sees_all = bool(held & (SEES_TABLES | {"SHOW DATABASES"}))
    if not sees_all:
        reader.warn(
            "The list of databases may lack some, so none is marked as vanished. It needs: "
            + _needs_tables(reader)
        )
    tables = _tables(reader, queries)
    server_files = reader.read(queries.server_files)
    return SizeSnapshot(
        server=reader.server,
        observed_at=reader.observed_at,
        databases=tuple(_database(row.name, parts, tables[row.name]) for row in listed.rows),
        inventory_is_complete=sees_all,
        log=Measure.sum((redo, binary_logs)),
        temporary=_server_bytes(server_files, is_temporary=True),
        shared=_shared_bytes(server_files, parts.shared),
        tablespaces=_tablespaces(server_files, reader.read(queries.variables)),
    )


def maximum_bytes(data_file_path: str) -> int | None:
    """Return the autogrow cap of `innodb_data_file_path` in bytes, None where it has none.

    Source: MySQL 8.4 Reference Manual 17.6.3.1 (The System Tablespace).
    """
    found = _MAXIMUM.search(data_file_path)
    return int(found[1]) * _UNITS[found[2].upper()] if found else None


def _needs_tables(reader: SizeReader) -> str:
    return filled(GRANT_TABLES, user=reader.server.account or written(reader.username))


def _hidden_tables(reader: SizeReader) -> Measure:
    needs = _needs_tables(reader)
    hidden = Measure.denied(f"The account may not see every table. It needs: {needs}")
    reader.warn(hidden.reason)
    return hidden


def _database(name: str, parts: _Parts, tables: tuple[TableSize, ...]) -> DatabaseSize:
    found = {row.name: row for row in parts.schemas.rows}.get(name)
    row = found or SchemaRow(name, 0, 0, 0, 0)
    failure = parts.hidden or parts.schemas.failure
    if failure is None and row.broken:
        failure = Measure.unreachable(f"Database {name}: {row.broken} tables can't be opened.")
    data = failure or Measure.known(row.data_bytes)
    index = failure or Measure.known(row.index_bytes)
    return DatabaseSize(name, _total(name, row, parts, failure), data, index, tables=tables)


def _total(name: str, row: SchemaRow, parts: _Parts, failure: Measure | None) -> Measure:
    missing = parts.files.failure or failure or parts.shared.failure
    if missing is not None:
        return missing
    files = parts.files.by_database.get(name)
    if files is None and not parts.files.is_whole and not name.isascii():
        return Measure.unreachable(f"Database {name}: its files could not be told apart.")
    shared = sum(item.shared_bytes for item in parts.shared.rows if item.name == name)
    return Measure.known((files or 0) + row.plain_bytes + shared)


def _tables(reader: SizeReader, queries: SizeQueries) -> Mapping[str, tuple[TableSize, ...]]:
    found: dict[str, tuple[TableSize, ...]] = defaultdict(tuple)
    if reader.largest_tables:
        for row in reader.read(queries.tables, limit=reader.largest_tables).rows:
            size = TableSize(
                "",
                row.table_name,
                row.data_bytes + row.index_bytes,
                row.data_bytes,
                row.index_bytes,
            )
            found[row.schema_name] += (size,)
    return found


def _server_bytes(reading: Reading[ServerFileRow], *, is_temporary: bool) -> Measure:
    if reading.failure is not None:
        return reading.failure
    return Measure.known(
        sum(row.file_bytes for row in reading.rows if bool(row.is_temporary) is is_temporary)
    )


def _shared_bytes(reading: Reading[ServerFileRow], shared: Reading[SharedRow]) -> Measure:
    """Return the files of no single database, less what databases hold in them."""
    files = _server_bytes(reading, is_temporary=False)
    if shared.failure is not None or files.bytes is None:
        return shared.failure or files
    return Measure.known(max(0, files.bytes - sum(row.shared_bytes for row in shared.rows)))


def _tablespaces(
    reading: Reading[ServerFileRow], variables: Reading[VariablesRow]
) -> tuple[TablespaceSize, ...]:
    paths: Sequence[str] = [row.data_file_path for row in variables.rows]
    cap = maximum_bytes(paths[0]) if paths else None
    return tuple(
        TablespaceSize(
            row.name,
            Measure.known(row.file_bytes),
            cap if row.name == "innodb_system" else None,
        )
        for row in reading.rows
    )


def keeps_binary_logs(reader: SizeReader, queries: SizeQueries) -> bool:
    """Return whether the server writes binary logs: it refuses to list none."""
    return any(row.keeps_binary_logs for row in reader.read(queries.variables).rows)
