"""Tables of the outbox: what each route has to tell, and the messages that were made of it."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from sync_pipeline.store.schema import Key, UtcDateTime, metadata

LONGEST_ROUTE = 100
_IS_WAITING = text("message_id IS NULL")
_IS_OPEN = text("sent_at IS NULL")

outbox_messages = Table(
    "outbox_messages",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    # By which who takes it knows it again.
    Column("message_key", String(32), nullable=False),
    Column("route", String(LONGEST_ROUTE), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    # None: it is not known to be sent.
    Column("sent_at", UtcDateTime),
    Index(None, "sent_at"),
)

# A route has one message on its way at most: that keeps their order.
open_messages = Index(
    "uq_outbox_messages_open",
    outbox_messages.c.route,
    unique=True,
    sqlite_where=_IS_OPEN,
    postgresql_where=_IS_OPEN,
)

outbox_lines = Table(
    "outbox_lines",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("route", String(LONGEST_ROUTE), nullable=False),
    Column("event_id", Key, ForeignKey("events.id"), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    # None: it waits.
    Column("message_id", Key, ForeignKey("outbox_messages.id")),
    # Too old to be told: the message says how many these are.
    Column("is_late", Boolean, nullable=False),
    Index(None, "event_id"),
    Index(None, "message_id"),
)

waiting_lines = Index(
    "ix_outbox_lines_waiting",
    outbox_lines.c.route,
    outbox_lines.c.due_at,
    sqlite_where=_IS_WAITING,
    postgresql_where=_IS_WAITING,
)

outbox_routes = Table(
    "outbox_routes",
    metadata,
    Column("route", String(LONGEST_ROUTE), primary_key=True),
    # In a row; none after a message that was taken.
    Column("failures", Integer, nullable=False),
    Column("next_try_at", UtcDateTime),
    Column("error", Text, nullable=False),
    Column("last_sent_at", UtcDateTime),
)
