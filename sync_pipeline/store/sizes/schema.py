"""Tables of sizes and aggregations: bytes, and dates in the fleet's time zone.

The tables of daily sizes are partitioned by month on PostgreSQL (see `partitions`). Their
keys begin with instance and date: an aggregation reads one instance's days of a period,
and a history reads one instance's days from a date on. On SQLite the key is the table.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sync_pipeline.model.imported import LABEL
from sync_pipeline.model.size import MeasureName
from sync_pipeline.store.schema import SESSION_ID_LENGTH, Key, UtcDateTime, metadata

AGGREGATED = ("total", "data", "log")
"""The values that aggregations follow."""

# A missing value is NULL, not the JSON word null.
MaybeJson = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

_DAILY: dict[str, Any] = {
    "postgresql_partition_by": "RANGE (collected_date)",
    "sqlite_with_rowid": False,
}


# The daily tables have no foreign keys: on PostgreSQL, making and dropping a partition that
# has one locks the table that it points to, and each of 50,000 rows a day would be checked.
# Instances and databases are never deleted, only marked.


def _day_of(*more: Column[Any]) -> list[Column[Any]]:
    return [
        Column("instance_id", Key, primary_key=True, autoincrement=False),
        Column("collected_date", Date, primary_key=True),
        *more,
    ]


def _measured_database() -> Column[Any]:
    return Column("database_id", Key, primary_key=True, autoincrement=False)


def _instance() -> Column[Any]:
    return Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True)


def _database() -> Column[Any]:
    return Column("database_id", Key, ForeignKey("instance_databases.id"), primary_key=True)


def _values() -> list[Column[Any]]:
    return [Column(name.column, BigInteger) for name in MeasureName]


def _provenance() -> list[Column[Any]]:
    return [
        # {value: why it is not known}; a value that is NULL without a reason does not apply.
        Column("unknown", MaybeJson),
        Column("collected_at", UtcDateTime, nullable=False),
        Column("session_id", String(SESSION_ID_LENGTH)),
    ]


def _statistics() -> list[Column[Any]]:
    columns: list[Column[Any]] = []
    for value in AGGREGATED:
        columns += [
            Column(f"{value}_{word}_bytes", BigInteger)
            for word in ("avg", "min", "max", "first", "last", "change")
        ]
        columns += [Column(f"{value}_{word}", Float) for word in ("change_percent", "growth_rate")]
    return columns


def _period() -> list[Column[Any]]:
    return [
        Column("period_type", String(16), primary_key=True),
        Column("period_start", Date, primary_key=True),
    ]


def _completeness() -> list[Column[Any]]:
    return [
        Column("period_end", Date, nullable=False),
        Column("data_count", Integer, nullable=False),
        Column("expected_count", Integer, nullable=False),
        Column("trend", String(16)),
        Column("calculated_at", UtcDateTime, nullable=False),
        # Whose numbers they are; NULL: they were computed here from the daily sizes.
        Column("origin", String(64)),
    ]


# Of days there are very many: their growth is in the order of no index.
LONGER_THAN_A_DAY = text("period_type <> 'day'")


HAS_LIMIT = text("periods_until_limit IS NOT NULL")


def _by(level: str, name: str, value: str, *more: str, where: TextClause | None = None) -> Index:
    """Return the index of a period's subjects in the order of a value, which it holds, too."""
    return Index(
        f"ix_{level}_size_aggregations_by_{name}",
        *("period_type", "period_start", value, "instance_id", *more),
        sqlite_where=where,
        postgresql_where=where,
    )


def _until() -> Column[Any]:
    """Return in how many such periods the limit is reached, at the growth of this one's average.

    None where there is no limit, or it did not grow. It is kept so with the row, and when the
    limit is set: what is nearest is the beginning of an index then.
    """
    return Column("periods_until_limit", Float)


instance_databases = Table(
    "instance_databases",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("instance_id", Key, ForeignKey("instances.id"), nullable=False),
    Column("database_name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    UniqueConstraint("instance_id", "database_name"),
)

database_size_stats = Table(
    "database_size_stats",
    metadata,
    *_day_of(_measured_database()),
    *_values(),
    # How large its data files may grow; NULL where they have no cap.
    Column("maximum_bytes", BigInteger),
    *_provenance(),
    **_DAILY,
)

instance_size_stats = Table(
    "instance_size_stats",
    metadata,
    *_day_of(),
    *_values(),
    Column("shared_bytes", BigInteger),
    Column("known_bytes", BigInteger, nullable=False),
    Column("database_count", Integer, nullable=False),
    Column("unread_count", Integer, nullable=False),
    *_provenance(),
    **_DAILY,
)

tablespace_size_stats = Table(
    "tablespace_size_stats",
    metadata,
    *_day_of(),
    Column("tablespace_name", Text, primary_key=True),
    Column("total_bytes", BigInteger),
    Column("maximum_bytes", BigInteger),
    **_DAILY,
)

table_size_stats = Table(
    "table_size_stats",
    metadata,
    *_day_of(_measured_database()),
    Column("schema_name", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("total_bytes", BigInteger, nullable=False),
    Column("data_bytes", BigInteger, nullable=False),
    Column("index_bytes", BigInteger, nullable=False),
    **_DAILY,
)

DAILY_TABLES = (
    database_size_stats,
    instance_size_stats,
    tablespace_size_stats,
    table_size_stats,
)
"""The tables of daily sizes: partitioned by month, and pruned by age."""

database_size_aggregations = Table(
    "database_size_aggregations",
    metadata,
    _instance(),
    *_period(),
    _database(),
    *_completeness(),
    *_statistics(),
    _until(),
    _by("database", "until", "periods_until_limit", "database_id", where=HAS_LIMIT),
    _by("database", "size", "total_last_bytes", "database_id"),
    _by("database", "growth", "total_change_bytes", "database_id", where=LONGER_THAN_A_DAY),
    _by("database", "percent", "total_change_percent", "database_id", where=LONGER_THAN_A_DAY),
    sqlite_with_rowid=False,
)

instance_size_aggregations = Table(
    "instance_size_aggregations",
    metadata,
    _instance(),
    *_period(),
    *_completeness(),
    *_statistics(),
    Column("database_count", Integer),
    Column("database_count_change", Integer),
    _until(),
    _by("instance", "until", "periods_until_limit", where=HAS_LIMIT),
    _by("instance", "size", "total_last_bytes"),
    sqlite_with_rowid=False,
)

size_limits = Table(
    "size_limits",
    metadata,
    _instance(),
    # Empty: the limit of the whole instance.
    Column("database_name", String(255), primary_key=True),
    Column("limit_bytes", BigInteger, nullable=False),
    # Those of instances are a range.
    Index(None, "database_name", "instance_id"),
)

size_horizon = Table(
    "size_horizon",
    metadata,
    Column("id", Integer, primary_key=True),
    # Daily sizes before this date were pruned: what needs them can't be computed again.
    Column("pruned_before", Date, nullable=False),
)


def is_imported(table: Table) -> ColumnElement[bool]:
    """Return whether another system measured a day (see `store.imports`)."""
    own = table.c.session_id.startswith(LABEL, autoescape=True)
    return func.coalesce(own, false()).label("is_imported")
