"""What the tables of each database hold, read as a whole, and table by table where that fails.

One statement reads all tables of a server. The server opens each of them for it, so that one
table that can't be opened, or one of a remote server that does not answer, may fail it for all:
then each database is read for itself, and in one that has such a table each table.

Sources: MySQL 8.4 Reference Manual 28.3.38 (TABLES), 18 (Alternative Storage Engines); MariaDB
Knowledge Base, Information Schema TABLES, Storage Engines; storage/csv/ha_tina.cc of both (no
size is told). Seen on MariaDB 10.11 and 11.8 and MySQL 9.7: a table that can't be opened has no
engine on MariaDB and no bytes on MySQL, with the reason as its comment; a size that could not be
read is 2^64 - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sync_pipeline.engines.access.doubts import plain
from sync_pipeline.engines.base import Query, Reading, SizeReader
from sync_pipeline.model.text import first_names, shortened

INNODB = "innodb"
WITHOUT_DATA = frozenset(
    {
        "mrg_myisam",
        "memory",
        "federated",
        "blackhole",
        "connect",
        "spider",
        "sequence",
        "s3",
        "sphinx",
        "oqgraph",
        "performance_schema",
        "ndbcluster",
        "ndbinfo",
    }
)
"""Engines whose tables keep nothing of their own in the data directory: those of other tables,
servers and files, and those in memory. The statements name those of their product."""
LOG_TABLES = frozenset({"general_log", "slow_log"})
_NEVER_TOLD = frozenset({"csv"})
_TELL_ZERO = frozenset({"rocksdb"})
_BEYOND = 2**63 - 1
_MOST_NAMED = 3
_MOST_IN_REASON = 160


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """A row of `size_schemas.sql`; `plain_bytes` are tables of engines other than InnoDB.

    `unclear_tables` could not be opened, or tell no size. `log_tables` are those of CSV.
    """

    name: str
    data_bytes: int
    index_bytes: int
    plain_bytes: int
    innodb_tables: int
    log_tables: int
    unclear_tables: int


@dataclass(frozen=True, slots=True)
class EngineRow:
    """A row of `size_engines.sql`; no engine: the definition itself can't be read."""

    table_name: str
    engine: str | None


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row of `size_listed.sql` or `size_single.sql`: what the server says of one table."""

    schema_name: str
    table_name: str
    engine: str | None
    data_bytes: int | None
    index_bytes: int | None
    comment: str | None

    @property
    def is_told(self) -> bool:
        """Return whether the bytes are a size: zero is none, but where the engine is in doubt."""
        data, index = self.data_bytes, self.index_bytes
        if data is None or index is None or max(data, index) >= _BEYOND:
            return False
        return data + index > 0 or _lower(self.engine) in _TELL_ZERO


@dataclass(frozen=True, slots=True)
class TableQueries:
    """The queries of one engine on what tables hold."""

    schemas: Query[SchemaRow]
    engines: Query[EngineRow]
    listed: Query[HeldRow]
    single: Query[HeldRow]


@dataclass(slots=True)
class Held:
    """What the tables of one database hold, and why some of it is not known.

    `lost` makes the size of the database unknown, `uncounted` only what its tables hold (their
    files have a size of their own). `tables` are read only where tables were told apart.
    """

    data_bytes: int = 0
    index_bytes: int = 0
    plain_bytes: int = 0
    innodb_tables: int = 0
    log_tables: int = 0
    lost: str = ""
    uncounted: str = ""
    tables: tuple[HeldRow, ...] = ()


@dataclass(frozen=True, slots=True)
class AllHeld:
    """What was read of all databases; `is_narrowed`: no statement on all tables came back."""

    by_schema: Mapping[str, Held]
    is_narrowed: bool = False


@dataclass(slots=True)
class _Doubtful:
    """Tables of one database without a size, each with what is said of it."""

    closed: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)

    def sentence(self, schema: str) -> str:
        """Return what is not known, nothing where all is."""
        parts = [
            f"{len(names)} tables {what}: {first_names(names[:_MOST_NAMED], len(names))}"
            for names, what in (
                (self.closed, "can't be opened"),
                (self.untold, "tell no size"),
            )
            if names
        ]
        return f"Database {schema}: {'; '.join(parts)}." if parts else ""


def read_held(
    reader: SizeReader, queries: TableQueries, whole: Reading[SchemaRow], schemas: Sequence[str]
) -> AllHeld:
    """Return what the tables of each database hold, from the statement on all where it came back.

    The databases were listed after that: what was dropped meanwhile is not among them.
    """
    if whole.failure is None:
        rows = {row.name: row for row in whole.rows}
        found = [rows[name] for name in schemas if name in rows]
        return AllHeld({row.name: _of_row(reader, queries, row) for row in found})
    narrowed = {
        name: _narrowed(reader, queries, name, whole.failure.reason, is_closed=True)
        for name in schemas
    }
    return AllHeld(narrowed, is_narrowed=True)


def _of_row(reader: SizeReader, queries: TableQueries, row: SchemaRow) -> Held:
    if row.unclear_tables:
        return _narrowed(reader, queries, row.name, "", is_closed=False)
    return Held(row.data_bytes, row.index_bytes, row.plain_bytes, row.innodb_tables, row.log_tables)


def _narrowed(
    reader: SizeReader, queries: TableQueries, schema: str, failure: str, *, is_closed: bool
) -> Held:
    """Read one database for itself; `is_closed`: the statement on all tables failed."""
    if not reader.has_time():
        return Held(lost=f"Database {schema}: no time was left to read its tables. {failure}")
    known = reader.attempt(queries.engines, schema_name=schema)
    if known.failure is not None:
        return Held(lost=f"Database {schema}: {known.failure.reason}")
    engines = {row.table_name: row.engine for row in known.rows}
    may_fail = is_closed and any(_lower(item) in WITHOUT_DATA for item in engines.values())
    if not may_fail:
        listed = reader.attempt(queries.listed, schema_name=schema)
        if listed.failure is None:
            return _counted(schema, engines, listed.rows)
    return _counted(schema, engines, _one_by_one(reader, queries, schema, engines))


def _one_by_one(
    reader: SizeReader, queries: TableQueries, schema: str, engines: Mapping[str, str | None]
) -> Iterator[HeldRow]:
    for table, engine in engines.items():
        if _lower(engine) in WITHOUT_DATA:
            continue
        why = "its definition can't be read" if engine is None else "no time was left"
        if engine is not None and reader.has_time():
            found = reader.attempt(queries.single, schema_name=schema, table_name=table)
            if found.failure is None:
                yield from found.rows
                continue
            why = found.failure.reason
        yield HeldRow(schema, table, None, None, None, why)


def _counted(schema: str, engines: Mapping[str, str | None], rows: Iterable[HeldRow]) -> Held:
    """Add tables up; those that can't be opened have the engine of their definition."""
    held, lost, uncounted = Held(), _Doubtful(), _Doubtful()
    own = tuple(_own(schema, engines, rows))
    for row in own:
        engine = _lower(row.engine or engines.get(row.table_name))
        is_innodb = engine == INNODB
        held.innodb_tables += is_innodb
        if row.engine is not None and row.is_told:
            held.data_bytes += row.data_bytes or 0
            held.index_bytes += row.index_bytes or 0
            held.plain_bytes += 0 if is_innodb else (row.data_bytes or 0) + (row.index_bytes or 0)
        elif _is_log_table(row):
            held.log_tables += 1
        else:
            _add(uncounted if is_innodb else lost, row)
    held.lost, held.uncounted, held.tables = lost.sentence(schema), uncounted.sentence(schema), own
    return held


def _own(
    schema: str, engines: Mapping[str, str | None], rows: Iterable[HeldRow]
) -> Iterator[HeldRow]:
    """Yield the tables that have data of their own, of this database and of no other."""
    for row in rows:
        engine = row.engine or engines.get(row.table_name)
        if row.schema_name == schema and _lower(engine) not in WITHOUT_DATA:
            yield row


def _add(doubtful: _Doubtful, row: HeldRow) -> None:
    name = plain(row.table_name)
    if _lower(row.engine) in _NEVER_TOLD:
        # The comment is the table's own: nothing is wrong with it.
        doubtful.untold.append(f"{name} ({row.engine})")
        return
    said = _shown(row.comment)
    doubtful.closed.append(f"{name} ({said})" if said else name)


def _is_log_table(row: HeldRow) -> bool:
    """Return whether a table is one of the server's own logs, kept as CSV."""
    return (
        row.schema_name == "mysql"
        and row.table_name in LOG_TABLES
        and _lower(row.engine) in _NEVER_TOLD
    )


def _shown(comment: str | None) -> str:
    """Return what a server says of a table in one short line."""
    return shortened(" ".join((comment or "").split()), _MOST_IN_REASON)


def _lower(engine: str | None) -> str:
    return (engine or "").lower()


def largest(rows: Sequence[HeldRow], most: int) -> tuple[HeldRow, ...]:
    """Return the largest of some tables, those that tell a size."""
    told = [row for row in rows if row.engine is not None and row.is_told]
    return tuple(
        sorted(
            told,
            key=lambda row: (-(row.data_bytes or 0) - (row.index_bytes or 0), row.table_name),
        )[:most]
    )
