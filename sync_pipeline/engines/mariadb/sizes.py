"""The sizes of a MariaDB server."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sync_pipeline.engines.base import ANYBODY, Query, RowT, SizeReader, Variant
from sync_pipeline.engines.mysql_protocol.size_tables import (
    EngineRow,
    HeldRow,
    SchemaRow,
    TableQueries,
)
from sync_pipeline.engines.mysql_protocol.sizes import (
    GRANT_FILES,
    GRANT_TABLES,
    LogTablesRow,
    NameRow,
    OwnFiles,
    PrivilegeRow,
    ServerFileRow,
    SharedNameRow,
    SharedRow,
    SizeQueries,
    TableRow,
    VariablesRow,
    keeps_binary_logs,
    snapshot,
)
from sync_pipeline.model.size import NOT_APPLICABLE, Measure, SizeSnapshot

_SINCE = (10, 6)


@dataclass(frozen=True, slots=True)
class FilesRow:
    """A row of `size_files.sql`."""

    name: str
    file_bytes: int
    missing_files: int
    missing_name: str | None


@dataclass(frozen=True, slots=True)
class RedoRow:
    """The row of `size_redo.sql`."""

    bytes: int


@dataclass(frozen=True, slots=True)
class BinaryLogRow:
    """A row of SHOW BINARY LOGS."""

    Log_name: str
    File_size: int


def _query(name: str, row: type[RowT], needs: str = ANYBODY) -> Query[RowT]:
    return Query(name, row, (), (Variant(_SINCE, f"{name}.sql"),), needs)


SHARED = SizeQueries(
    databases=replace(
        _query("size_databases", NameRow, GRANT_TABLES), count="count_size_databases.sql"
    ),
    privileges=_query("size_privileges", PrivilegeRow),
    held=TableQueries(
        schemas=_query("size_schemas", SchemaRow, GRANT_TABLES),
        engines=_query("size_engines", EngineRow, GRANT_TABLES),
        listed=_query("size_listed", HeldRow, GRANT_TABLES),
        single=_query("size_single", HeldRow, GRANT_TABLES),
    ),
    shared=_query("size_shared_tables", SharedRow, GRANT_FILES),
    server_files=_query("size_server_files", ServerFileRow, GRANT_FILES),
    tables=_query("size_tables", TableRow, GRANT_TABLES),
    variables=_query("size_variables", VariablesRow),
    log_tables=_query("size_log_tables", LogTablesRow),
    shared_names=_query("size_shared_names", SharedNameRow, GRANT_FILES),
)
FILES = _query("size_files", FilesRow, GRANT_FILES)
REDO = _query("size_redo", RedoRow)
BINARY_LOGS = replace(
    _query("size_binary_logs", BinaryLogRow, "GRANT BINLOG MONITOR ON *.* TO {user};"),
    opens="the binary logs themselves (SHOW BINLOG EVENTS), with every row that is written and "
    "passwords in clear text",
)
GRANTS = (SHARED.held.schemas, FILES)
"""One query for each grant that the sizes need."""


def measure(reader: SizeReader) -> SizeSnapshot:
    """Measure the server with a constant number of queries, where none of them fails."""
    redo = reader.read(REDO)
    logs = NOT_APPLICABLE
    if keeps_binary_logs(reader, SHARED):
        reading = reader.read(BINARY_LOGS)
        logs = reading.failure or Measure.known(sum(row.File_size for row in reading.rows))
    return snapshot(
        reader,
        SHARED,
        lambda _: _own_files(reader),
        redo.failure or Measure.known(redo.rows[0].bytes),
        logs,
    )


def _own_files(reader: SizeReader) -> OwnFiles:
    """Return the files by database; a zero byte is how the server reads the end of `aux@@@`."""
    files = reader.read(FILES)
    named = {row.name.rstrip("\0"): row for row in files.rows}
    return OwnFiles(
        {name: row.file_bytes for name, row in named.items()},
        {name: row.missing_name or "" for name, row in named.items() if row.missing_files},
        files.failure,
    )
