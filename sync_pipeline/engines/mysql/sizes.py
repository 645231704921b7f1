"""The sizes of a MySQL server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sync_pipeline.engines.base import SizeReader, Version
from sync_pipeline.engines.mysql_protocol.sizes import (
    GRANT_FILES,
    OwnFiles,
    binary_logs,
    size_queries,
    size_query,
    snapshot,
)
from sync_pipeline.model.size import Measure, SizeSnapshot

_SINCE: Version = (8, 0)
_REDO_IN_STATUS: Version = (8, 0, 30)
_CODE = re.compile(r"@([0-9a-f]{4})|@(..)|(.)", re.DOTALL)
_RESERVED = "@@@"
"""What ends the file name of a device of Windows, such as aux."""


@dataclass(frozen=True, slots=True)
class FilesRow:
    """A row of `size_files.sql`: a directory of the data directory, as files are named."""

    directory: str
    sample: str
    file_bytes: int
    missing_files: int
    missing_name: str | None


@dataclass(frozen=True, slots=True)
class RedoVariablesRow:
    """The row of `size_redo.sql`."""

    bytes: int


@dataclass(frozen=True, slots=True)
class RedoStatusRow:
    """The row of `size_redo_8_0_30.sql`."""

    Variable_name: str
    Value: str


@dataclass(frozen=True, slots=True)
class BinaryLogRow:
    """A row of SHOW BINARY LOGS."""

    Log_name: str
    File_size: int
    Encrypted: str


_query = partial(size_query, since=_SINCE)
SHARED = size_queries(_SINCE)
FILES = _query("size_files", FilesRow, GRANT_FILES)
REDO = _query("size_redo", RedoVariablesRow)
REDO_STATUS = _query("size_redo_8_0_30", RedoStatusRow, since=_REDO_IN_STATUS)
BINARY_LOGS = _query("size_binary_logs", BinaryLogRow, "GRANT REPLICATION CLIENT ON *.* TO {user};")
GRANTS = (SHARED.held.schemas, FILES, BINARY_LOGS)
"""One query for each grant that the sizes need."""


def measure(reader: SizeReader) -> SizeSnapshot:
    """Measure the server with a constant number of queries, where none of them fails."""
    logs = binary_logs(reader, SHARED, BINARY_LOGS)
    return snapshot(reader, SHARED, lambda names: _own_files(reader, names), _redo(reader), logs)


def _own_files(reader: SizeReader, names: Sequence[str]) -> OwnFiles:
    reading = reader.read(FILES)
    found: dict[str, int] = {}
    missing: dict[str, str] = {}
    for row in reading.rows:
        name = database_of(row.directory, row.sample, names)
        if name is not None:
            found[name] = found.get(name, 0) + row.file_bytes
            if row.missing_files:
                missing[name] = row.missing_name or ""
    return OwnFiles(found, missing, reading.failure)


def database_of(directory: str, tablespace: str, names: Iterable[str]) -> str | None:
    """Return the database whose files are in a directory, None where it can't be told.

    Source: MySQL 8.4 Reference Manual 11.2.4 (Mapping of Identifiers to File Names): most
    characters are four hexadecimal digits after an at sign; letters of some scripts have
    shorter codes, which only the server knows; names of Windows's devices end with `@@@`.
    Where a code is short, the name of one of the database's tablespaces tells: it is
    `database/table`, not encoded.
    """
    parts = _CODE.findall(directory.removesuffix(_RESERVED))
    if not any(short for _, short, _ in parts):
        return "".join(chr(int(code, 16)) if code else other for code, _, other in parts)
    pattern = "".join(
        "." if short else re.escape(chr(int(code, 16)) if code else other)
        for code, short, other in parts
    )
    fitting = [
        name
        for name in names
        if tablespace.startswith(f"{name}/") and re.fullmatch(pattern, name, re.DOTALL)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _redo(reader: SizeReader) -> Measure:
    if reader.server.version_number >= _REDO_IN_STATUS:
        status = reader.read(REDO_STATUS)
        return status.failure or Measure.known(int(status.rows[0].Value))
    variables = reader.read(REDO)
    return variables.failure or Measure.known(variables.rows[0].bytes)
