"""Leases: one run at a time syncs an instance, by category."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from sync_pipeline.errors import LeaseHeld, Phase
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.store.database import Database, upsert
from sync_pipeline.store.schema import instances, sync_leases


class LeaseStore:
    """The table of leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(
        self,
        instance_id: int,
        category: SyncCategory,
        holder: str,
        seconds: float,
        now: datetime,
    ) -> None:
        """Take the lease, again where this holder has it, or over where it expired.

        Raises:
            LeaseHeld: another holder has it.
        """
        row = {
            "instance_id": instance_id,
            "sync_category": str(category),
            "holder": holder,
            "acquired_at": now,
            "expires_at": now + timedelta(seconds=seconds),
        }
        with self._database.write() as connection:
            # The row lock on the instance makes two runs that come at once take turns.
            connection.execute(
                select(instances.c.id).where(instances.c.id == instance_id).with_for_update()
            )
            held = connection.execute(
                select(sync_leases).where(
                    sync_leases.c.instance_id == instance_id,
                    sync_leases.c.sync_category == str(category),
                )
            ).first()
            if held is not None and held.holder != holder and held.expires_at > now:
                raise LeaseHeld(
                    f"The instance is already being synced by run {held.holder}.",
                    phase=Phase.LEASE,
                    hint=f"Its lease ends by {held.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
                )
            upsert(
                connection,
                sync_leases,
                [row],
                ["instance_id", "sync_category"],
                ["holder", "acquired_at", "expires_at"],
            )

    def release(self, instance_id: int, category: SyncCategory, holder: str) -> None:
        """Give a lease back; one that another holder took over meanwhile stays."""
        with self._database.write() as connection:
            connection.execute(
                delete(sync_leases).where(
                    sync_leases.c.instance_id == instance_id,
                    sync_leases.c.sync_category == str(category),
                    sync_leases.c.holder == holder,
                )
            )


def release_of_run(connection: Connection, holder: str) -> None:
    """Give back every lease of a run that is over, within a caller's transaction."""
    connection.execute(delete(sync_leases).where(sync_leases.c.holder == holder))
