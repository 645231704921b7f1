"""Which rows an export has."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.size import SizePoint

if TYPE_CHECKING:
    from sync_pipeline.workflows.dependencies import SyncDeps


class ExportKind(StrEnum):
    """What can be exported."""

    DATABASES = "databases"
    INSTANCES = "instances"
    DATABASE_AGGREGATIONS = "database-aggregations"
    INSTANCE_AGGREGATIONS = "instance-aggregations"


def export_rows(
    deps: SyncDeps,
    kind: ExportKind,
    period: PeriodType,
    days: tuple[date, date],
    instances: tuple[int, ...] | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of `[first, last]` in `days`: flat, with the same keys in each.

    `instances` are the ids of those whose rows are wanted; None: all.
    """
    first, last = days
    queries = deps.store.size_queries
    if kind is ExportKind.DATABASES:
        return [_point(item) for item in queries.database_points(first, last, instances=instances)]
    if kind is ExportKind.INSTANCES:
        return [
            {
                **_point(item.point),
                "engine": item.engine,
                "shared_bytes": item.shared_bytes,
                "known_bytes": item.known_bytes,
                "database_count": item.database_count,
                "unread_count": item.unread_count,
            }
            for item in queries.instance_sizes(first, last, instances=instances)
        ]
    periods = PeriodRange.between(period, first, last)
    database = "" if kind is ExportKind.INSTANCE_AGGREGATIONS else None
    found = deps.store.aggregations.find(
        period, periods.start, periods.end, database=database, instances=instances
    )
    return [_aggregation(item) for item in found]


def _point(item: SizePoint) -> dict[str, Any]:
    row = asdict(item)
    del row["tablespace"]
    row["unknown"] = "; ".join(f"{name}: {why}" for name, why in sorted(item.unknown.items()))
    return row


def _aggregation(item: Aggregation) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in asdict(item).items():
        if isinstance(value, dict):
            row.update({f"{name}_{word}": number for word, number in value.items()})
        else:
            row[name] = str(value) if isinstance(value, PeriodType) else value
    return row
