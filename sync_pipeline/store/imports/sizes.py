"""Daily sizes of another system, beside those that syncs of ours measured, which stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, and_, case, delete, exists, func, not_, or_, select, update

from sync_pipeline.model.imported import (
    LABEL,
    ImportedDatabase,
    ImportedSize,
    ImportedSums,
    ImportedTable,
    ImportedTotal,
    ImportKind,
    Tally,
)
from sync_pipeline.store.database import among, insert_rows, upsert
from sync_pipeline.store.imports.schema import imported_instances
from sync_pipeline.store.sizes.schema import (
    database_size_stats,
    instance_databases,
    instance_size_stats,
    table_size_stats,
)

SUM = "+sum"
"""After the label of a day that was not there, and is the sum of its databases."""
MEASURED_HERE = "this day was measured here"
NO_SUM = "the total there is not the sum of its databases there: its own total was taken"
_NOT_MEASURED = "unreachable: taken over from another system, which did not measure it"
_Key = tuple[int, str]


def put_databases(
    connection: Connection, _source: str, rows: Sequence[ImportedDatabase], _now: datetime
) -> Tally:
    """Add databases to the inventory; of one that is here, only the first sight may be earlier."""
    known = _databases(connection, {row.instance_id for row in rows})
    tally = Tally()
    added: dict[_Key, dict[str, Any]] = {}
    table = instance_databases
    for row in rows:
        key = row.instance_id, row.name
        if key in known:
            tally.known += 1
            earlier = {
                "first_seen_at": case(
                    (table.c.first_seen_at > row.first_seen_at, row.first_seen_at),
                    else_=table.c.first_seen_at,
                )
            }
            own = table.c.id == known[key]
            connection.execute(update(table).where(own).values(earlier))
        elif key in added:
            tally.leave("its name is there twice", row.name)
        else:
            tally.new += 1
            added[key] = {
                "instance_id": row.instance_id,
                "database_name": row.name,
                "is_active": row.is_active,
                "first_seen_at": row.first_seen_at,
                "last_seen_at": row.last_seen_at,
                "deleted_at": row.deleted_at,
            }
    insert_rows(connection, table, list(added.values()))
    return tally


def put_sizes(
    connection: Connection, source: str, rows: Sequence[ImportedSize], _now: datetime
) -> Tally:
    """Write days of databases, unless a sync of ours measured the day."""
    tally = Tally()
    taken = _not_measured_here(connection, rows, tally)
    ids = _with_databases(connection, taken)
    table = database_size_stats
    last: dict[tuple[int, date, int], dict[str, Any]] = {}
    for row in taken:
        key = row.instance_id, row.collected_date, ids[row.instance_id, row.database]
        if key in last:
            tally.leave("the same day is there twice: the later row was taken", row.database)
        last[key] = _size_row(row, key[2], source)
    known = _known_days(connection, taken, table, table.c.database_id)
    _put(connection, table, _SIZE_KEYS, last, known, tally)
    _note_until(connection, source, taken)
    return tally


_SIZE_KEYS = ("instance_id", "collected_date", "database_id")


def put_totals(
    connection: Connection, source: str, rows: Sequence[ImportedTotal], _now: datetime
) -> Tally:
    """Write days of instances, unless a sync of ours measured the day."""
    tally = Tally()
    taken = _not_measured_here(connection, rows, tally)
    sums = _sums(connection, taken)
    table = instance_size_stats
    last: dict[tuple[int, date], dict[str, Any]] = {}
    for row in taken:
        key = row.instance_id, row.collected_date
        if key in last:
            tally.leave("the same day is there twice: the later row was taken", str(key[1]))
        known_bytes, count = sums.get(key, (row.total_bytes, row.database_count))
        if known_bytes != row.total_bytes:
            tally.note(NO_SUM, f"{key[1]}")
        last[key] = {
            "instance_id": key[0],
            "collected_date": key[1],
            "total_bytes": row.total_bytes,
            "known_bytes": known_bytes,
            "database_count": row.database_count or count,
            "unread_count": 0,
            "unknown": {"data": _NOT_MEASURED, "index": _NOT_MEASURED},
            "collected_at": row.collected_at,
            "session_id": LABEL + source,
        }
    known = _known_days(connection, taken, table)
    _put(connection, table, ("instance_id", "collected_date"), last, known, tally)
    _note_until(connection, source, taken)
    return tally


def put_tables(
    connection: Connection, _source: str, rows: Sequence[ImportedTable], _now: datetime
) -> Tally:
    """Write the last sizes of tables, unless a sync of ours measured their day."""
    tally = Tally()
    taken = _not_measured_here(connection, rows, tally)
    ids = _with_databases(connection, taken)
    table = table_size_stats
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in taken:
        database_id = ids[row.instance_id, row.database]
        key = (row.instance_id, row.collected_date, database_id, row.schema, row.table)
        if key in last:
            tally.leave("it is there twice: the later row was taken", row.table)
        last[key] = {
            **dict(zip(_TABLE_KEYS, key, strict=True)),
            "total_bytes": row.total_bytes,
            "data_bytes": row.total_bytes - row.index_bytes,
            "index_bytes": row.index_bytes,
        }
    known = _known_days(
        connection, taken, table, table.c.database_id, table.c.schema_name, table.c.table_name
    )
    _put(connection, table, _TABLE_KEYS, last, known, tally)
    return tally


_TABLE_KEYS = (*_SIZE_KEYS, "schema_name", "table_name")


def put_sums(
    connection: Connection, source: str, rows: Sequence[ImportedSums], _now: datetime
) -> Tally:
    """Write the days that only the databases of these instances have, as the sums of theirs."""
    tally = Tally()
    for row in rows:
        old, new = _put_sums(connection, source, row.instance_id)
        tally.add(Tally(new=max(0, new - old), known=min(old, new)))
    return tally


def _put_sums(connection: Connection, source: str, instance_id: int) -> tuple[int, int]:
    """Return how many sums there were, and how many there are."""
    days, table = database_size_stats, instance_size_stats
    label = LABEL + source
    own = and_(table.c.instance_id == instance_id, table.c.session_id == label + SUM)
    old = connection.execute(delete(table).where(own)).rowcount
    has_total = exists().where(
        table.c.instance_id == instance_id, table.c.collected_date == days.c.collected_date
    )
    query = (
        select(
            days.c.collected_date,
            func.sum(days.c.total_bytes).label("total"),
            func.count().label("count"),
            func.max(days.c.collected_at).label("at"),
        )
        .where(days.c.instance_id == instance_id, days.c.session_id == label, not_(has_total))
        .group_by(days.c.collected_date)
    )
    rows = [
        {
            "instance_id": instance_id,
            "collected_date": day.collected_date,
            "total_bytes": int(day.total),
            "known_bytes": int(day.total),
            "database_count": day.count,
            "unread_count": 0,
            "unknown": {"data": _NOT_MEASURED, "index": _NOT_MEASURED},
            "collected_at": day.at,
            "session_id": label + SUM,
        }
        for day in connection.execute(query)
    ]
    insert_rows(connection, table, rows)
    return old, len(rows)


Writer = Callable[[Connection, str, Sequence[Any], datetime], Tally]
SIZE_WRITERS: Mapping[ImportKind, Writer] = MappingProxyType(
    {
        ImportKind.DATABASES: put_databases,
        ImportKind.DATABASE_SIZES: put_sizes,
        ImportKind.INSTANCE_SIZES: put_totals,
        ImportKind.TABLE_SIZES: put_tables,
        ImportKind.SUMS: put_sums,
    }
)


def _not_measured_here(connection: Connection, rows: Sequence[Any], tally: Tally) -> list[Any]:
    table = instance_size_stats
    own = _is_of(connection, table, rows)
    is_ours = or_(
        table.c.session_id.is_(None), not_(table.c.session_id.startswith(LABEL, autoescape=True))
    )
    query = select(table.c.instance_id, table.c.collected_date).where(own, is_ours)
    ours = {(row[0], row[1]) for row in connection.execute(query)}
    taken = []
    for row in rows:
        if (row.instance_id, row.collected_date) in ours:
            tally.leave(MEASURED_HERE, str(row.collected_date))
        else:
            taken.append(row)
    return taken


def _is_of(connection: Connection, table: Any, rows: Sequence[Any]) -> Any:
    """Return that a day is of one of the instances, and of the time, of some rows."""
    days = [row.collected_date for row in rows] or [date.min]
    ids = sorted({row.instance_id for row in rows})
    return and_(
        among(connection, table.c.instance_id, ids),
        table.c.collected_date.between(min(days), max(days)),
    )


def _put(
    connection: Connection,
    table: Any,
    keys: Sequence[str],
    last: Mapping[Any, dict[str, Any]],
    known: AbstractSet[Any],
    tally: Tally,
) -> None:
    """Write rows by their keys, and count which are new and which were here."""
    tally.known += len(known & last.keys())
    tally.new += len(last.keys() - known)
    values = list(last.values())
    columns = [name for name in values[0] if name not in keys] if values else []
    upsert(connection, table, values, keys, columns)


def _known_days(connection: Connection, rows: Sequence[Any], table: Any, *more: Any) -> set[Any]:
    query = select(table.c.instance_id, table.c.collected_date, *more)
    own = _is_of(connection, table, rows)
    return {tuple(row) for row in connection.execute(query.where(own))}


def _sums(
    connection: Connection, rows: Sequence[ImportedTotal]
) -> dict[tuple[int, date], tuple[int, int]]:
    table = database_size_stats
    query = select(
        table.c.instance_id, table.c.collected_date, func.sum(table.c.total_bytes), func.count()
    ).where(_is_of(connection, table, rows))
    grouped = query.group_by(table.c.instance_id, table.c.collected_date)
    return {(row[0], row[1]): (int(row[2]), row[3]) for row in connection.execute(grouped)}


def _size_row(row: ImportedSize, database_id: int, source: str) -> dict[str, Any]:
    unknown = {"index": _NOT_MEASURED}
    if row.data_bytes is None:
        unknown["data"] = _NOT_MEASURED
    return {
        "instance_id": row.instance_id,
        "collected_date": row.collected_date,
        "database_id": database_id,
        "total_bytes": row.total_bytes,
        "data_bytes": row.data_bytes,
        "log_bytes": row.log_bytes,
        "unknown": unknown,
        "collected_at": row.collected_at,
        "session_id": LABEL + source,
    }


def _databases(connection: Connection, instance_ids: set[int]) -> dict[_Key, int]:
    table = instance_databases
    query = select(table.c.instance_id, table.c.database_name, table.c.id).where(
        among(connection, table.c.instance_id, sorted(instance_ids))
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _with_databases(
    connection: Connection, rows: Sequence[ImportedSize | ImportedTable]
) -> dict[_Key, int]:
    """Return the databases (ids) of some sizes; one that the inventory there lacks is gone."""
    wanted = {row.instance_id for row in rows}
    known = _databases(connection, wanted)
    seen: dict[_Key, list[datetime]] = {}
    for row in rows:
        key = row.instance_id, row.database
        if key not in known:
            seen.setdefault(key, []).append(row.collected_at)
    added = [
        {
            "instance_id": key[0],
            "database_name": key[1],
            "is_active": False,
            "first_seen_at": min(moments),
            "last_seen_at": max(moments),
            "deleted_at": max(moments),
        }
        for key, moments in seen.items()
    ]
    if not added:
        return known
    insert_rows(connection, instance_databases, added)
    return _databases(connection, wanted)


def _note_until(connection: Connection, source: str, rows: Sequence[Any]) -> None:
    """Keep the last day that was taken of each instance."""
    last: dict[int, date] = {}
    for row in rows:
        last[row.instance_id] = max(row.collected_date, last.get(row.instance_id, date.min))
    table = imported_instances
    for instance_id, day in last.items():
        own = and_(table.c.source == source, table.c.instance_id == instance_id)
        is_earlier = or_(table.c.sizes_until.is_(None), table.c.sizes_until < day)
        connection.execute(update(table).where(own, is_earlier).values(sizes_until=day))
