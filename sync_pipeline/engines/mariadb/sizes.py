"""The sizes of a MariaDB server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from sync_pipeline.engines.base import SizeReader
from sync_pipeline.engines.mysql_protocol.sizes import (
    GRANT_FILES,
    OwnFiles,
    SharedNameRow,
    binary_logs,
    size_queries,
    size_query,
    snapshot,
)
from sync_pipeline.model.size import Measure, SizeSnapshot

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


_query = partial(size_query, since=_SINCE)
SHARED = replace(
    size_queries(_SINCE),
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
    logs = binary_logs(reader, SHARED, BINARY_LOGS)
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
