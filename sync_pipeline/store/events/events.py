"""Events as they are asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from sync_pipeline.model.event import StoredEvent
from sync_pipeline.model.route import Arrived
from sync_pipeline.store.database import Database
from sync_pipeline.store.events.outbox_reads import noticed
from sync_pipeline.store.events.rows import event_of
from sync_pipeline.store.events.schema import events
from sync_pipeline.store.schema import instances


class EventStore:
    """The table of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: datetime, limit: int) -> list[StoredEvent]:
        """Return the events that were noticed at a moment or later, oldest first, so many."""
        query = (
            select(events, instances.c.name)
            .join(instances, instances.c.id == events.c.instance_id)
            .where(events.c.occurred_at >= moment)
            .order_by(events.c.occurred_at, events.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [event_of(row, row.name) for row in connection.execute(query)]

    def noticed(self, since: datetime, until: datetime, most: int) -> list[Arrived]:
        """Return events of a span of time with what their instances are now, oldest first."""
        with self._database.read() as connection:
            return noticed(connection, since, until, most)
