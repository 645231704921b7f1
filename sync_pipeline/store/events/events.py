"""Events as they are asked for."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.model.route import Arrived
from sync_pipeline.store.database import Database
from sync_pipeline.store.events.outbox_reads import noticed


class EventStore:
    """The table of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def noticed(self, since: datetime, until: datetime, most: int) -> list[Arrived]:
        """Return events of a span of time with what their instances are now, oldest first."""
        with self._database.read() as connection:
            return noticed(connection, since, until, most)
