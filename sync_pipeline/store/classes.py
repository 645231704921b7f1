"""How many accounts were in each class, by instance and date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from sync_pipeline.model.classification import ClassCount, DayCounts
from sync_pipeline.store.database import Database, among, upsert
from sync_pipeline.store.schema import account_class_counts as counts
from sync_pipeline.store.schema import instances


class ClassStore:
    """Reads of the daily counts. Dates are in the fleet's time zone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def present(self, instance_ids: Sequence[int] | None = None) -> list[ClassCount]:
        """Return each class's accounts by the newest count of every active instance, by name.

        `instance_ids` are those that are asked about; None: all.
        """
        newest = (
            select(counts.c.instance_id, func.max(counts.c.counted_date).label("day"))
            .join_from(counts, instances)
            .where(instances.c.is_active.is_(True), instances.c.deleted_at.is_(None))
            .group_by(counts.c.instance_id)
            .subquery()
        )
        query = (
            select(
                counts.c.class_name,
                func.min(counts.c.counted_date).label("day"),
                func.sum(counts.c.account_count).label("accounts"),
                func.count().label("instances"),
            )
            .join_from(
                counts,
                newest,
                (counts.c.instance_id == newest.c.instance_id)
                & (counts.c.counted_date == newest.c.day),
            )
            .group_by(counts.c.class_name)
            .order_by(counts.c.class_name)
        )
        return self._counted(query, instance_ids)

    def daily(
        self, since: date, until: date, instance_ids: Sequence[int] | None = None
    ) -> list[ClassCount]:
        """Return each class's accounts of every day of `[since, until]`, by name and day.

        `instance_ids` are those that are asked about; None: all there ever were.
        """
        query = (
            select(
                counts.c.class_name,
                counts.c.counted_date,
                func.sum(counts.c.account_count),
                func.count(),
            )
            .where(counts.c.counted_date.between(since, until))
            .group_by(counts.c.class_name, counts.c.counted_date)
            .order_by(counts.c.class_name, counts.c.counted_date)
        )
        return self._counted(query, instance_ids)

    def _counted(self, query: Select[Any], instance_ids: Sequence[int] | None) -> list[ClassCount]:
        with self._database.read() as connection:
            if instance_ids is not None:
                query = query.where(among(connection, counts.c.instance_id, instance_ids))
            return [ClassCount(*row) for row in connection.execute(query)]


def write_class_counts(
    connection: Connection, instance_id: int, day: DayCounts, counted_at: datetime
) -> None:
    """Replace one instance's counts of a date, within a caller's transaction."""
    connection.execute(
        delete(counts).where(
            counts.c.instance_id == instance_id,
            counts.c.counted_date == day.day,
            counts.c.class_name.not_in(list(day.accounts)),
        )
    )
    rows = [
        {
            "instance_id": instance_id,
            "counted_date": day.day,
            "class_name": name,
            "account_count": accounts,
            "counted_at": counted_at,
        }
        for name, accounts in day.accounts.items()
    ]
    keys = ["instance_id", "counted_date", "class_name"]
    upsert(connection, counts, rows, keys, ["account_count", "counted_at"])
