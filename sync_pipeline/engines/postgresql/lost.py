"""What of a database's files the server does not find, and says nothing of.

A size function of PostgreSQL counts a file or a directory that is not there as 0, and gives
NULL only where nothing at all is there (src/backend/utils/adt/dbsize.c; seen on 15 and 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync_pipeline.engines.access.doubts import plain
from sync_pipeline.engines.base import ANYBODY, Query, SizeReader, Variant
from sync_pipeline.model.size import DatabaseSize, Measure
from sync_pipeline.model.text import first_names

_SINCE = (14,)
_MOST_NAMED = 3
NEVER_ELSEWHERE = "template0"
"""The one database that nobody puts tables into, so that it need not be opened."""


@dataclass(frozen=True, slots=True)
class NameRow:
    """A row of `size_lost.sql` and of `size_locked.sql`."""

    name: str


LOST = Query(
    "size_lost", NameRow, (), (Variant(_SINCE, "size_lost.sql"),), ANYBODY, per_database=True
)
LOCKED = Query(
    "size_locked", NameRow, (), (Variant(_SINCE, "size_locked.sql"),), ANYBODY, per_database=True
)


def without_lost(
    reader: SizeReader, size: DatabaseSize, lost: Sequence[str], *, can_be_opened: bool
) -> DatabaseSize:
    """Return the size, unknown where some of it is in a tablespace that is not there.

    A database that can't be opened might have tables there: its total is unknown too.
    """
    if size.total.is_missing or size.name == NEVER_ELSEWHERE:
        return size
    if not can_be_opened:
        reason = f"may have files in {_tablespaces(lost)}, and can't be asked"
        return replace(size, total=_unknown(reader, size.name, reason))
    (reading,) = reader.read_in(size.name, LOST, lost=list(lost))
    if reading.failure is not None:
        return replace(size, total=reading.failure)
    if not reading.rows:
        return size
    held = [row.name for row in reading.rows]
    unknown = _unknown(reader, size.name, f"has files in {_tablespaces(held)}")
    return replace(size, total=unknown, data=unknown, index=unknown)


def missing_file(reader: SizeReader, database: str, relation: str) -> Measure:
    """Return why the tables of a database have no size: the file of one is not found."""
    return _unknown(
        reader,
        database,
        f"counts pages of {plain(relation)}, whose file is not found or empty (ANALYZE it if "
        "it is empty by intent)",
    )


def with_locks(reader: SizeReader, database: str, failure: Measure) -> Measure:
    """Return a failure with the tables that others keep locked, where there are some."""
    (reading,) = reader.read_in(database, LOCKED)
    names = [plain(row.name) for row in reading.rows]
    if not names:
        return failure
    shown = first_names(names[:_MOST_NAMED], len(names))
    reason = f"{failure.reason} Locked by others: {shown}."
    reader.warn(reason)
    return Measure.unreachable(reason)


def _unknown(reader: SizeReader, database: str, reason: str) -> Measure:
    unknown = Measure.unreachable(f"Database {database} {reason}.")
    reader.warn(unknown.reason)
    return unknown


def _tablespaces(names: Sequence[str]) -> str:
    shown = first_names([plain(name) for name in names[:_MOST_NAMED]], len(names))
    return f"tablespace {shown}, which the server can't open"
