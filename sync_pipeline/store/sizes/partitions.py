"""Monthly partitions of the daily tables on PostgreSQL; SQLite has none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, text

from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.store.sizes.schema import DAILY_TABLES

# Any number that nothing else of ours uses.
_PARTITION_LOCK = 7_233_114_512


def partition_name(table: str, month: date) -> str:
    """Return the name of the partition that holds a month."""
    return f"{table}_{month:%Y_%m}"


def make_partitions(connection: Connection, days: Iterable[date]) -> tuple[str, ...]:
    """Make the partitions that hold these days where they are missing; return their names.

    Several processes may come at once: they take turns.
    """
    months = {Period.of(PeriodType.MONTH, day) for day in days}
    wanted = {
        partition_name(table.name, month.start): (table.name, month)
        for table in DAILY_TABLES
        for month in sorted(months)
    }
    if set(wanted) <= _existing(connection, wanted):
        return ()
    connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _PARTITION_LOCK})
    missing = sorted(set(wanted) - _existing(connection, wanted))
    for name in missing:
        table, month = wanted[name]
        connection.exec_driver_sql(
            f"CREATE TABLE {name} PARTITION OF {table} "
            f"FOR VALUES FROM ('{month.start}') TO ('{month.end}')"
        )
    return tuple(missing)


def partitions_before(connection: Connection, day: date) -> tuple[str, ...]:
    """Return the partitions all of whose days are before a day, by name."""
    query = text(
        "SELECT c.relname FROM pg_catalog.pg_inherits AS i "
        "JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid "
        "JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent "
        "WHERE p.relname = ANY(:tables) AND pg_catalog.pg_table_is_visible(p.oid)"
    )
    names = connection.scalars(query, {"tables": [table.name for table in DAILY_TABLES]})
    return tuple(sorted(name for name in names if _month_of(name).end <= day))


def _existing(connection: Connection, names: Iterable[str]) -> set[str]:
    query = text(
        "SELECT c.relname FROM pg_catalog.pg_class AS c "
        "WHERE c.relname = ANY(:names) AND pg_catalog.pg_table_is_visible(c.oid)"
    )
    return set(connection.scalars(query, {"names": list(names)}))


def _month_of(name: str) -> Period:
    year, month = name.rsplit("_", 2)[-2:]
    return Period(PeriodType.MONTH, date(int(year), int(month), 1))
