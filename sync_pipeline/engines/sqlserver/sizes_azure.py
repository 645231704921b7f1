"""The sizes of a logical server of Azure SQL Database: each database tells its own.

Sources: SQL Server documentation, sys.database_files and DATABASEPROPERTYEX (MaxSizeInBytes);
Azure SQL documentation, "Manage file space" (allocated and used) and "Serverless compute tier".
`master` and tempdb are the service's: they take none of the space that is paid for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_pipeline.engines.base import ANYBODY, DatabaseEntry, Query, Reading, SizeReader, Variant
from sync_pipeline.engines.sqlserver.accounts.azure import (
    A_LOGIN,
    DEFINITIONS,
    LOGICAL_SERVER,
    OBJECTIVES,
    ONE_DATABASE,
    OPENED,
    OWN_DEFINITIONS,
    OWN_STATE,
    STATE,
    entries,
    of_one,
    of_some,
)
from sync_pipeline.engines.sqlserver.accounts.logical import MASTER
from sync_pipeline.engines.sqlserver.accounts.queries import DATABASES, MISSING_DATABASES, OLDEST
from sync_pipeline.engines.sqlserver.sizes import OBJECTS, PAGE, TABLES, tables_of
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.size import NOT_APPLICABLE, DatabaseSize, Measure, SizeSnapshot

LOG = 1
LISTED = replace(DATABASES, variants=(Variant(OLDEST, "azure_databases.sql", LOGICAL_SERVER),))


@dataclass(frozen=True, slots=True)
class FilesRow:
    """A row of `azure_size_files.sql`: the files of one type, in pages."""

    type: int
    pages: int
    maximum_bytes: int | None


FILES = Query(
    "size_azure_files",
    FilesRow,
    (),
    (Variant(OLDEST, "azure_size_files.sql"),),
    ANYBODY,
    per_database=True,
)


def _in_one(query: Query[Any]) -> Query[Any]:
    """Return a query of sizes with what it needs on a logical server, and in one database."""
    (plain,) = query.variants
    there = replace(plain, place=LOGICAL_SERVER, needs=STATE)
    one = replace(plain, place=ONE_DATABASE, needs=OWN_STATE)
    return replace(query, variants=(there, one), check_needs=DEFINITIONS)


def _of_its_own(query: Query[Any]) -> Query[Any]:
    return replace(query, check_needs=OWN_DEFINITIONS)


AZURE_OBJECTS, AZURE_TABLES = _in_one(OBJECTS), _in_one(TABLES)
OWN_OBJECTS, OWN_TABLES = _of_its_own(AZURE_OBJECTS), _of_its_own(AZURE_TABLES)


def measure_azure(reader: SizeReader) -> SizeSnapshot:
    """Measure the databases that the login knows.

    A database that is dropped meanwhile is not in the snapshot: what could not be read is
    looked for once more in a new listing.

    Raises:
        PrivilegeError: the databases could not be listed.
    """
    listed, hidden = _listed(reader)
    wanted = [entry for entry in listed if entry.name != MASTER]
    found = [_database(reader, entry) for entry in wanted]
    if hidden is NOT_APPLICABLE and any(item.total.is_missing for item in found):
        still = {row.name for row in reader.databases_now(LISTED)}
        for item in found:
            if item.name not in still:
                reader.warn(f"Database {item.name} was dropped while it was measured.")
        found = [item for item in found if item.name in still]
    return SizeSnapshot(
        server=reader.server,
        observed_at=reader.observed_at,
        databases=tuple(found),
        inventory_is_complete=hidden is NOT_APPLICABLE,
        hidden=hidden,
        temporary=NOT_APPLICABLE,
        shared=NOT_APPLICABLE,
    )


def _listed(reader: SizeReader) -> tuple[Sequence[DatabaseEntry], Measure]:
    """Return the databases, and why there may be others; not applicable: these are all."""
    if reader.server.place == ONE_DATABASE:
        opened = _rows(reader.read(OPENED))
        error = of_one(opened[0].database_name, reader.filled(A_LOGIN))
        return error.listed, Measure.denied(str(error))
    rows = _rows(reader.read(LISTED))
    objectives = reader.attempt(OBJECTIVES).rows
    found = tuple(entries(rows, objectives))
    if _rows(reader.read(MISSING_DATABASES)):
        return found, _hidden(reader, of_some(found, reader.filled(DEFINITIONS)))
    return found, NOT_APPLICABLE


def _rows(reading: Reading[Any]) -> Sequence[Any]:
    if reading.failure is not None:
        raise PrivilegeError(
            f"The databases could not be listed: {reading.failure.reason}",
            hint="Check what the monitoring account may read.",
        )
    return reading.rows


def _hidden(reader: SizeReader, error: PrivilegeError) -> Measure:
    found = Measure.denied(str(error))
    reader.warn(found.reason)
    return found


def _database(reader: SizeReader, entry: DatabaseEntry) -> DatabaseSize:
    if reader.is_excluded(entry.name):
        return DatabaseSize(entry.name, NOT_APPLICABLE)
    closed = _closed(reader, entry)
    if closed is not None:
        return DatabaseSize(entry.name, closed, data=closed, index=closed, log=closed)
    if entry.caution:
        reader.note(f"{entry.caution}: {entry.name}.")
    is_one = reader.server.place == ONE_DATABASE
    objects, tables = (OWN_OBJECTS, OWN_TABLES) if is_one else (AZURE_OBJECTS, AZURE_TABLES)
    queries = [FILES, objects, *([tables] if reader.largest_tables else [])]
    files, held, *rest = reader.read_in(entry.name, *queries, limit=reader.largest_tables)
    pages = {row.type: row.pages for row in files.rows}
    return DatabaseSize(
        name=entry.name,
        total=files.failure or Measure.known(sum(pages.values()) * PAGE),
        data=held.failure or Measure.known(held.rows[0].data_pages * PAGE),
        index=held.failure or Measure.known(held.rows[0].index_pages * PAGE),
        log=files.failure or Measure.known(pages.get(LOG, 0) * PAGE),
        tables=tables_of([item for reading in rest for item in reading.rows]),
        maximum_bytes=_maximum(files.rows, pages.get(LOG, 0)),
    )


def _closed(reader: SizeReader, entry: DatabaseEntry) -> Measure | None:
    """Return why a database is not opened, None where it is."""
    if entry.is_readable:
        return reader.may_read_in(entry.name)
    closed = Measure.unreachable(f"Database {entry.name} was not opened: {entry.reason}.")
    reader.warn(closed.reason)
    return closed


def _maximum(rows: Sequence[FilesRow], log_pages: int) -> int | None:
    """Return how large the total may grow with the log as it is; None: that is not said.

    The limit is one of the data; Hyperscale tells -1.
    """
    limits = [row.maximum_bytes for row in rows if row.maximum_bytes and row.maximum_bytes > 0]
    return max(limits) + log_pages * PAGE if limits else None
