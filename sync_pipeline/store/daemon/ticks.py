"""Which ticks of schedules were carried out: each by one session, whoever asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from sync_pipeline.store.daemon.schema import schedule_ticks as ticks
from sync_pipeline.store.database import Database, insert_new

KEPT = timedelta(days=90)


class TickStore:
    """The table of ticks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def done_by(self, job_name: str, scheduled_at: datetime) -> str | None:
        """Return the session that carries a tick out, or None where none does yet.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        query = select(ticks.c.done_by).where(
            ticks.c.job_name == job_name, ticks.c.scheduled_at == scheduled_at
        )
        with self._database.read_once() as connection:
            found: str | None = connection.execute(query).scalar()
        return found

    def claim(self, job_name: str, scheduled_at: datetime, done_by: str) -> str:
        """Let a session carry a tick out, unless another one does; return which one does.

        Raises:
            StoreUnavailable: the store does not answer; nothing was written.
        """
        row = {"job_name": job_name, "scheduled_at": scheduled_at, "done_by": done_by}
        old = delete(ticks).where(
            ticks.c.job_name == job_name, ticks.c.scheduled_at < scheduled_at - KEPT
        )
        with self._database.write() as connection:
            insert_new(connection, ticks, row)
            connection.execute(old)
        return self.done_by(job_name, scheduled_at) or done_by
