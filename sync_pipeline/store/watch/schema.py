"""Tables of freshness: what is overdue, what of it was announced, and the last look.

A fleet that is fresh has no row in the first two.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, LargeBinary, String, Table, text

from sync_pipeline.store.schema import Key, UtcDateTime, metadata, sync_instance_records

IS_COMPLETED = text("status = 'completed'")

# Answers "when did this instance last succeed" with one seek, however long the history is.
last_success_index = Index(
    "ix_sync_instance_records_last_success",
    sync_instance_records.c.instance_id,
    sync_instance_records.c.sync_category,
    sync_instance_records.c.completed_at,
    sqlite_where=IS_COMPLETED,
    postgresql_where=IS_COMPLETED,
)

freshness_states = Table(
    "freshness_states",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("sync_category", String(32), primary_key=True),
    Column("quiet", String(16)),
    Column("counted_from", UtcDateTime),
    Column("stale_since", UtcDateTime),
)

# Of which an event says that it is overdue, and none yet that it is not any more.
freshness_announced = Table(
    "freshness_announced",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("sync_category", String(32), primary_key=True),
    Column("announced_at", UtcDateTime, nullable=False),
)

freshness_checks = Table(
    "freshness_checks",
    metadata,
    Column("sync_category", String(32), primary_key=True),
    Column("limit_seconds", Float, nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
)

# What a server rejected, as a salted slow digest, until it takes a login again.
rejected_secrets = Table(
    "rejected_secrets",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("rejected_at", UtcDateTime, nullable=False),
)
