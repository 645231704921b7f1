"""The sizes of a MariaDB server."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sync_pipeline.engines.base import Query, RowT, SizeReader, Variant
from sync_pipeline.engines.mysql_protocol.sizes import (
    GRANT_FILES,
    GRANT_TABLES,
    NameRow,
    OwnFiles,
    PrivilegeRow,
    SchemaRow,
    ServerFileRow,
    SharedRow,
    SizeQueries,
    TableRow,
    VariablesRow,
    keeps_binary_logs,
    snapshot,
)
from sync_pipeline.model.size import NOT_APPLICABLE, Measure, SizeSnapshot

_ANYONE = "nothing: every account may read it"
_SINCE = (10, 6)


@dataclass(frozen=True, slots=True)
class FilesRow:
    """A row of `size_files.sql`."""

    name: str
    file_bytes: int


@dataclass(frozen=True, slots=True)
class RedoRow:
    """The row of `size_redo.sql`."""

    bytes: int


@dataclass(frozen=True, slots=True)
class BinaryLogRow:
    """A row of SHOW BINARY LOGS."""

    Log_name: str
    File_size: int


def _query(name: str, row: type[RowT], needs: str = _ANYONE) -> Query[RowT]:
    return Query(name, row, (), (Variant(_SINCE, f"{name}.sql"),), needs)


SHARED = SizeQueries(
    databases=replace(
        _query("size_databases", NameRow, GRANT_TABLES), count="count_size_databases.sql"
    ),
    privileges=_query("size_privileges", PrivilegeRow),
    schemas=_query("size_schemas", SchemaRow, GRANT_TABLES),
    shared=_query("size_shared_tables", SharedRow, GRANT_FILES),
    server_files=_query("size_server_files", ServerFileRow, GRANT_FILES),
    tables=_query("size_tables", TableRow, GRANT_TABLES),
    variables=_query("size_variables", VariablesRow),
)
FILES = _query("size_files", FilesRow, GRANT_FILES)
REDO = _query("size_redo", RedoRow)
BINARY_LOGS = replace(
    _query("size_binary_logs", BinaryLogRow, "GRANT BINLOG MONITOR ON *.* TO {user};"),
    opens="the binary logs themselves (SHOW BINLOG EVENTS), with every row that is written and "
    "passwords in clear text",
)
GRANTS = (SHARED.schemas, FILES)
"""One query for each grant that the sizes need."""


def measure(reader: SizeReader) -> SizeSnapshot:
    """Measure the server with a constant number of queries."""
    files = reader.read(FILES)
    redo = reader.read(REDO)
    logs = NOT_APPLICABLE
    if keeps_binary_logs(reader, SHARED):
        reading = reader.read(BINARY_LOGS)
        logs = reading.failure or Measure.known(sum(row.File_size for row in reading.rows))
    return snapshot(
        reader,
        SHARED,
        OwnFiles({row.name: row.file_bytes for row in files.rows}, failure=files.failure),
        redo.failure or Measure.known(redo.rows[0].bytes),
        logs,
    )
