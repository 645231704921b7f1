"""The table of events."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, text

from sync_pipeline.store.schema import SESSION_ID_LENGTH, Json, Key, UtcDateTime, metadata

_IS_WAITING = text("taken_at IS NULL")

events = Table(
    "events",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("instance_id", Key, ForeignKey("instances.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("account_name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("path", Json, nullable=False),
    # Both empty where no session noticed it.
    Column("session_id", String(SESSION_ID_LENGTH), nullable=False),
    Column("run_id", String(SESSION_ID_LENGTH), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    # None: nobody has looked yet whom to tell. Not by a last key: on PostgreSQL one that is smaller
    # may be written after one that is larger.
    Column("taken_at", UtcDateTime),
    Index(None, "instance_id", "occurred_at"),
    Index(None, "occurred_at"),
)

waiting_events = Index(
    "ix_events_waiting",
    events.c.id,
    sqlite_where=_IS_WAITING,
    postgresql_where=_IS_WAITING,
)
