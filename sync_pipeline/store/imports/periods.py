"""Aggregations of another system: of days that are not here, or to be compared with ours."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, select

from sync_pipeline.model.imported import LABEL, ImportedPeriod, Tally
from sync_pipeline.model.period import Period
from sync_pipeline.store.database import among, insert_rows, upsert
from sync_pipeline.store.sizes.aggregations import horizon_of
from sync_pipeline.store.sizes.schema import (
    AGGREGATED,
    database_size_aggregations,
    instance_databases,
    instance_size_aggregations,
    instance_size_stats,
)

MIB = 2**20
NO_DAYS = "its instance has days of this period, and it has none"
DIFFERS = "computed here from the days, and other numbers there"
_KEYS = ("instance_id", "period_type", "period_start")


def put_periods(
    connection: Connection, source: str, rows: Sequence[ImportedPeriod], _now: datetime
) -> Tally:
    """Write periods whose days are not here; compare the others with what was computed.

    All rows are of databases, or all of instances.
    """
    horizon = horizon_of(connection)
    is_of_databases = bool(rows[0].database)
    table = database_size_aggregations if is_of_databases else instance_size_aggregations
    keys = (*_KEYS, "database_id") if is_of_databases else _KEYS
    ids = _ids(connection, rows) if is_of_databases else {}
    known = _known(connection, table, rows)
    days = _days(connection, rows)
    tally = Tally()
    taken: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        database_id = ids.get((row.instance_id, row.database))
        key = (row.instance_id, str(row.period.type), row.period.start, database_id)
        here = known.get(key)
        is_computed = row.period.previous.start >= horizon
        if here is not None and here.origin != LABEL + source:
            _compare(row, here, tally)
        elif is_computed and _has_day(days.get(row.instance_id, []), row.period):
            tally.leave(NO_DAYS, _name(row))
        elif key in taken:
            tally.leave("the same period is there twice", _name(row))
        else:
            tally.known += here is not None
            tally.new += here is None
            taken[key] = _values(row, database_id, source)
    values = list(taken.values())
    columns = [name for name in values[0] if name not in keys] if values else []
    upsert(connection, table, values, keys, columns)
    return tally


def _compare(row: ImportedPeriod, here: Any, tally: Tally) -> None:
    tally.known += 1
    pairs = (
        (row.avg_bytes, here.total_avg_bytes),
        (row.min_bytes, here.total_min_bytes),
        (row.max_bytes, here.total_max_bytes),
    )
    # There an average is cut to whole MiB.
    is_near = all(ours is not None and abs(ours - theirs) < MIB for theirs, ours in pairs)
    if not is_near or row.data_count != here.data_count:
        tally.note(DIFFERS, _name(row))


def _name(row: ImportedPeriod) -> str:
    of = f"{row.database}, " if row.database else ""
    return f"{of}{row.period}"


def _values(row: ImportedPeriod, database_id: int | None, source: str) -> dict[str, Any]:
    nothing = {
        f"{value}_{word}": None
        for value in AGGREGATED
        for word in ("first_bytes", "last_bytes", "growth_rate")
    }
    numbers = {
        "total_avg_bytes": row.avg_bytes,
        "total_min_bytes": row.min_bytes,
        "total_max_bytes": row.max_bytes,
        "total_change_bytes": row.change_bytes,
        "total_change_percent": row.change_percent,
    }
    values = {
        "instance_id": row.instance_id,
        "period_type": str(row.period.type),
        "period_start": row.period.start,
        "period_end": row.period.end,
        "data_count": row.data_count,
        "expected_count": max(row.data_count, row.period.days),
        "trend": None,
        "calculated_at": row.calculated_at,
        "origin": LABEL + source,
        **nothing,
        **numbers,
    }
    if database_id is None:
        return {**values, "database_count": row.database_count}
    return {**values, "database_id": database_id}


def _known(
    connection: Connection, table: Table, rows: Sequence[ImportedPeriod]
) -> dict[tuple[Any, ...], Any]:
    starts = [row.period.start for row in rows]
    query = select(table).where(
        among(connection, table.c.instance_id, sorted({row.instance_id for row in rows})),
        table.c.period_start.between(min(starts), max(starts)),
    )
    is_of_databases = "database_id" in table.c
    return {
        (
            row.instance_id,
            row.period_type,
            row.period_start,
            row.database_id if is_of_databases else None,
        ): row
        for row in connection.execute(query)
    }


def _days(connection: Connection, rows: Sequence[ImportedPeriod]) -> dict[int, list[date]]:
    """Return the days of which sizes of the instances are here, in order."""
    table = instance_size_stats
    query = select(table.c.instance_id, table.c.collected_date).where(
        among(connection, table.c.instance_id, sorted({row.instance_id for row in rows})),
        table.c.collected_date >= min(row.period.start for row in rows),
        table.c.collected_date < max(row.period.end for row in rows),
    )
    found: dict[int, list[date]] = {}
    for instance_id, day in connection.execute(query.order_by(table.c.collected_date)):
        found.setdefault(instance_id, []).append(day)
    return found


def _has_day(days: Sequence[date], period: Period) -> bool:
    at = bisect_left(days, period.start)
    return at < len(days) and days[at] < period.end


def _ids(connection: Connection, rows: Sequence[ImportedPeriod]) -> dict[tuple[int, str], int]:
    """Return the databases (ids); one that was nowhere else is added, as gone."""
    found = _read_ids(connection, rows)
    missing: dict[tuple[int, str], list[Period]] = {}
    for row in rows:
        key = row.instance_id, row.database
        if key not in found:
            missing.setdefault(key, []).append(row.period)
    if not missing:
        return found
    insert_rows(
        connection,
        instance_databases,
        [
            {
                "instance_id": key[0],
                "database_name": key[1],
                "is_active": False,
                "first_seen_at": _midnight(min(item.start for item in periods)),
                "last_seen_at": _midnight(max(item.start for item in periods)),
                "deleted_at": _midnight(max(item.start for item in periods)),
            }
            for key, periods in missing.items()
        ],
    )
    return _read_ids(connection, rows)


def _read_ids(connection: Connection, rows: Sequence[ImportedPeriod]) -> dict[tuple[int, str], int]:
    table = instance_databases
    wanted = and_(
        among(connection, table.c.instance_id, sorted({row.instance_id for row in rows})),
        among(connection, table.c.database_name, sorted({row.database for row in rows})),
    )
    query = select(table.c.instance_id, table.c.database_name, table.c.id).where(wanted)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
