"""The end of daily sizes: by partition on PostgreSQL, by row on SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, delete, select

from sync_pipeline.store.database import Database
from sync_pipeline.store.sizes.aggregations import move_horizon
from sync_pipeline.store.sizes.partitions import partitions_before
from sync_pipeline.store.sizes.schema import DAILY_TABLES, size_horizon
from sync_pipeline.store.topics import Topic, note_everywhere


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was taken away."""

    rows: int = 0
    partitions: tuple[str, ...] = ()


class RetentionStore:
    """Prunes the tables of daily sizes. Aggregations are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune(self, keep_from: date) -> Pruned:
        """Take away every daily size before a date (the first of a month), at once.

        The horizon moves in the same transaction, after every aggregation that reads now
        has ended: one that begins later and needs what is gone is refused.
        """
        with self._database.write() as connection:
            # Held until the end: aggregations hold it while they read.
            connection.execute(select(size_horizon).with_for_update())
            pruned = self._prune(connection, keep_from)
            if pruned.rows or pruned.partitions:
                move_horizon(connection, keep_from)
                note_everywhere(connection, Topic.SIZES)
            return pruned

    def _prune(self, connection: Connection, keep_from: date) -> Pruned:
        if self._database.is_sqlite:
            old = [
                delete(table).where(table.c.collected_date < keep_from) for table in DAILY_TABLES
            ]
            return Pruned(sum(connection.execute(statement).rowcount for statement in old))
        names = partitions_before(connection, keep_from)
        for name in names:
            connection.exec_driver_sql(f"DROP TABLE {name}")
        return Pruned(partitions=names)
