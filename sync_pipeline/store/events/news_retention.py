"""The end of old events, and of what was told long ago; see `workflows/retention.py`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select

from sync_pipeline.store.database import Database, among
from sync_pipeline.store.events.outbox_schema import outbox_lines as lines
from sync_pipeline.store.events.outbox_schema import outbox_messages as messages
from sync_pipeline.store.events.outbox_schema import outbox_routes as routes
from sync_pipeline.store.events.schema import events


class NewsRetention:
    """Prunes in small transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune_told(self, before: datetime, names: Collection[str], most: int) -> int:
        """Delete what was told before a moment, of routes that are gone too; return how much.

        `names` are the routes that there are: what one of them has still to tell is kept.
        """
        sent = select(messages.c.id).where(messages.c.sent_at < before)
        is_gone = and_(lines.c.route.not_in(names), lines.c.due_at < before)
        with self._database.write() as connection:
            found = or_(lines.c.message_id.in_(sent), is_gone)
            gone = _delete_some(connection, lines, found, most)
            if gone < most:
                empty = ~select(lines.c.id).where(lines.c.message_id == messages.c.id).exists()
                is_old = and_(messages.c.made_at < before, empty)
                gone += _delete_some(connection, messages, is_old, most)
            if gone == 0:
                _forget_routes(connection, before, names)
            return gone

    def prune_events(self, before: datetime, most: int) -> int:
        """Delete events of before a moment that were taken and are in no message any more."""
        told = select(lines.c.id).where(lines.c.event_id == events.c.id).exists()
        is_old = and_(events.c.occurred_at < before, events.c.taken_at.is_not(None), ~told)
        with self._database.write() as connection:
            return _delete_some(connection, events, is_old, most)


def _delete_some(
    connection: Connection, table: Table, where: ColumnElement[bool], most: int
) -> int:
    ids = list(connection.scalars(select(table.c.id).where(where).limit(most)))
    if ids:
        connection.execute(delete(table).where(among(connection, table.c.id, ids)))
    return len(ids)


def _forget_routes(connection: Connection, before: datetime, names: Collection[str]) -> None:
    """Forget routes that are gone, so that one that comes back is new."""
    has_lines = select(lines.c.id).where(lines.c.route == routes.c.route).exists()
    has_messages = select(messages.c.id).where(messages.c.route == routes.c.route).exists()
    is_old = or_(routes.c.last_sent_at.is_(None), routes.c.last_sent_at < before)
    gone = and_(routes.c.route.not_in(names), is_old, ~has_lines, ~has_messages)
    connection.execute(delete(routes).where(gone))
