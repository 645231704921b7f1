"""The end of the change log: by instance, in small transactions.

What is too old is told of no more from the moment on that the horizon has moved, however much
of it is deleted yet. The first entry of each instance stays: it says which sync was the first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import change_horizon, instances

HORIZON = select(change_horizon.c.pruned_before)
"""The moment before which nothing is told of changes."""


class ChangeRetention:
    """Prunes the change log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def horizon(self) -> datetime:
        """Return the moment from which on changes are kept."""
        with self._database.read_once() as connection:
            return pruned_before(connection)

    def move_horizon(self, keep_from: datetime) -> datetime:
        """Tell nothing of what changed before a moment any more; return the horizon.

        It never goes back: what was pruned stays pruned when the retention is made longer.
        """
        with self._database.write() as connection:
            kept = change_horizon.c.pruned_before
            moved = update(change_horizon).where(kept < keep_from)
            connection.execute(moved.values(pruned_before=keep_from))
            return pruned_before(connection)

    def instances_to_prune(self) -> list[int]:
        """Return the instances (ids) that have entries before the horizon besides their first."""
        horizon = HORIZON.scalar_subquery()
        second = (
            select(log.c.changed_at)
            .where(log.c.instance_id == instances.c.id)
            .order_by(log.c.changed_at, log.c.id)
            .limit(1)
            .offset(1)
            .scalar_subquery()
        )
        query = select(instances.c.id).where(second < horizon).order_by(instances.c.id)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def prune(self, instance_id: int, limit: int) -> int:
        """Delete the oldest entries of an instance before the horizon, its first one excepted.

        Returns how many, at most `limit`: if there were fewer, none is left.
        """
        horizon = HORIZON.scalar_subquery()
        oldest = (
            select(log.c.id, log.c.changed_at)
            .where(log.c.instance_id == instance_id)
            .order_by(log.c.changed_at, log.c.id)
            .limit(limit)
            .offset(1)
            .subquery("oldest")
        )
        chosen = select(oldest.c.id).where(oldest.c.changed_at < horizon)
        with self._database.write() as connection:
            return connection.execute(delete(log).where(log.c.id.in_(chosen))).rowcount


def pruned_before(connection: Connection) -> datetime:
    """Return the moment before which nothing is told of changes."""
    found: datetime = connection.scalars(HORIZON).one()
    return found


def require_kept(connection: Connection, moment: datetime) -> None:
    """Refuse a moment before the horizon: what it was like then can't be said.

    Raises:
        ConfigurationError: changes since then were pruned.
    """
    horizon = pruned_before(connection)
    if moment < horizon:
        # Of whole minutes, the first one that can be asked about.
        first = (horizon + timedelta(minutes=1, microseconds=-1)).replace(second=0, microsecond=0)
        raise ConfigurationError(
            f"What accounts were before {first:%Y-%m-%d %H:%M}Z is not known any more: changes "
            "are kept for SYNC_PIPELINE_CHANGE_RETENTION_DAYS days.",
            hint=f"Ask for {first:%Y-%m-%d %H:%M}Z or later.",
        )
