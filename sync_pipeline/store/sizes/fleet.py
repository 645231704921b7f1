"""What is asked of the sizes of a whole fleet: in one statement, however large it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, func, select

from sync_pipeline.model.size import InstanceSize, SizePoint
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import instances as registered
from sync_pipeline.store.sizes.queries import instance_days, instance_size, of_instances
from sync_pipeline.store.sizes.schema import (
    database_size_stats,
    instance_databases,
    instance_size_stats,
    is_imported,
)

AT_ONCE = 5000
"""Rows that are fetched at once where rows are answered one by one."""


class FleetSizes:
    """Reads of many instances. Dates are in the fleet's time zone; `instances` are ids, or all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(
        self, since: date, until: date, instances: Sequence[int] | None = None
    ) -> list[InstanceSize]:
        """Return each instance's size of its last date in `[since, until]`, by instance."""
        table, other = instance_size_stats, instance_size_stats.alias("other")
        # A seek for each instance: grouping by it would read all of its days.
        last = (
            select(func.max(other.c.collected_date))
            .where(
                other.c.instance_id == registered.c.id,
                other.c.collected_date.between(since, until),
            )
            .correlate(registered)
            .scalar_subquery()
        )
        query = instance_days().where(
            table.c.collected_date == last, table.c.collected_date.between(since, until)
        )
        with self._database.read() as connection:
            query = of_instances(connection, query.order_by(registered.c.name), None, instances)
            return [instance_size(row) for row in connection.execute(query)]

    @contextmanager
    def totals(
        self,
        since: date,
        until: date,
        instance: str | None = None,
        instances: Sequence[int] | None = None,
    ) -> Iterator[Iterator[SizePoint]]:
        """Yield instances' sizes of `[since, until]`, by instance and date; the totals alone.

        They come from the store as they are taken, in one statement: those of a fleet and of
        years need not fit in memory.
        """
        table = instance_size_stats
        query = (
            select(
                *(registered.c.name, table.c.collected_date, table.c.total_bytes),
                is_imported(table),
            )
            .join_from(registered, table, registered.c.id == table.c.instance_id)
            .where(table.c.collected_date.between(since, until))
            .order_by(registered.c.name, table.c.collected_date)
            .execution_options(yield_per=AT_ONCE)
        )
        with self._database.read() as connection:
            found = connection.execute(of_instances(connection, query, instance, instances))
            yield (
                SizePoint(name, "", day, total, is_imported=imported)
                for some in found.partitions()
                for name, day, total, imported in some
            )

    def totals_of(
        self, since: date, until: date, databases: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], list[SizePoint]]:
        """Return databases' sizes of `[since, until]` by instance and name; the totals alone.

        `databases` are few: names of an instance and of its database. Each has its points by
        date, with the ceiling of its files; none where it has none.
        """
        table = database_size_stats
        found: dict[tuple[str, str], list[SizePoint]] = {key: [] for key in databases}
        with self._database.read() as connection:
            keys = _keys_of(connection, databases)
            query = (
                select(
                    table.c.database_id,
                    table.c.collected_date,
                    table.c.total_bytes,
                    table.c.maximum_bytes,
                    is_imported(table),
                )
                .where(
                    among(connection, table.c.instance_id, [key.instance_id for key in keys]),
                    among(connection, table.c.database_id, [key.id for key in keys]),
                    table.c.collected_date.between(since, until),
                )
                .order_by(table.c.collected_date)
            )
            names = {key.id: (key.name, key.database_name) for key in keys}
            for database_id, day, total, maximum, imported in connection.execute(query):
                point = SizePoint(
                    *names[database_id], day, total, maximum_bytes=maximum, is_imported=imported
                )
                found[names[database_id]].append(point)
        return found


def _keys_of(connection: Connection, databases: Collection[tuple[str, str]]) -> Sequence[Row[Any]]:
    """Return the ids of databases, and of their instances, with their names."""
    names = instance_databases
    query = (
        select(registered.c.name, names.c.instance_id, names.c.id, names.c.database_name)
        .join_from(registered, names, registered.c.id == names.c.instance_id)
        .where(
            among(connection, registered.c.name, [instance for instance, _ in databases]),
            among(connection, names.c.database_name, [database for _, database in databases]),
        )
    )
    return [key for key in connection.execute(query) if (key[0], key[3]) in databases]
