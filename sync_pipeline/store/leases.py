"""Leases: one run at a time syncs an instance, by category."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, text

from sync_pipeline.errors import LeaseHeld, Phase
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import UtcDateTime, sync_leases

# One statement, so two runs that come at once can't both have it. As text, because SQLAlchemy
# compiles ON CONFLICT anew each time.
_ACQUIRE = text(
    """
    INSERT INTO sync_leases (instance_id, sync_category, holder, acquired_at, expires_at)
    VALUES (:instance_id, :sync_category, :holder, :acquired_at, :expires_at)
    ON CONFLICT (instance_id, sync_category) DO UPDATE
    SET holder = excluded.holder,
        acquired_at = excluded.acquired_at,
        expires_at = excluded.expires_at
    WHERE sync_leases.holder = excluded.holder
       OR sync_leases.expires_at <= excluded.acquired_at
    RETURNING holder
    """
).bindparams(
    bindparam("acquired_at", type_=UtcDateTime), bindparam("expires_at", type_=UtcDateTime)
)

_IS_LEASE = and_(
    sync_leases.c.instance_id == bindparam("of_id"),
    sync_leases.c.sync_category == bindparam("of_category"),
)
_RELEASE = delete(sync_leases).where(_IS_LEASE, sync_leases.c.holder == bindparam("of_holder"))


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
        with self._database.write_once() as connection:
            is_ours = connection.execute(_ACQUIRE, row).first() is not None
        if not is_ours:
            raise self._held(instance_id, category)

    def release(self, instance_id: int, category: SyncCategory, holder: str) -> None:
        """Give a lease back; one that another holder took over meanwhile stays."""
        with self._database.write_once() as connection:
            connection.execute(_RELEASE, {**_of(instance_id, category), "of_holder": holder})

    def _held(self, instance_id: int, category: SyncCategory) -> LeaseHeld:
        with self._database.read_once() as connection:
            query = select(sync_leases).where(_IS_LEASE)
            held = connection.execute(query, _of(instance_id, category)).first()
        # It may have been given back since.
        by, until = (
            (f"run {held.holder}", f"Its lease ends by {held.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
            if held
            else ("another run", "It has just ended.")
        )
        return LeaseHeld(
            f"The instance is already being synced by {by}.", phase=Phase.LEASE, hint=until
        )


def _of(instance_id: int, category: SyncCategory) -> dict[str, Any]:
    """Return what `_IS_LEASE` binds."""
    return {"of_id": instance_id, "of_category": str(category)}


def release_of_run(connection: Connection, holder: str) -> None:
    """Give back every lease of a run that is over, within a caller's transaction."""
    connection.execute(delete(sync_leases).where(sync_leases.c.holder == holder))
