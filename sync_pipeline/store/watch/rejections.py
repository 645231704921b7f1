"""What servers rejected: a row for each instance whose last login failed."""

from __future__ import annotations

from sqlalchemy import delete, select

from sync_pipeline.model.rejection import Rejection
from sync_pipeline.store.database import Database, upsert
from sync_pipeline.store.watch.schema import rejected_secrets as rejected


class RejectionStore:
    """The table of rejected secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, instance_id: int) -> Rejection | None:
        """Return what an instance rejected last; None: nothing, or it let somebody in since."""
        query = select(rejected).where(rejected.c.instance_id == instance_id)
        with self._database.read_once() as connection:
            row = connection.execute(query).first()
        return None if row is None else Rejection(row.salt, row.digest, row.rejected_at)

    def keep(self, instance_id: int, found: Rejection) -> None:
        """Write what an instance rejected, over what it did before."""
        row = {
            "instance_id": instance_id,
            "salt": found.salt,
            "digest": found.digest,
            "rejected_at": found.rejected_at,
        }
        with self._database.write() as connection:
            upsert(connection, rejected, [row], ["instance_id"], ["salt", "digest", "rejected_at"])

    def forget(self, instance_id: int) -> None:
        """Note that an instance let somebody in."""
        with self._database.write() as connection:
            connection.execute(delete(rejected).where(rejected.c.instance_id == instance_id))
