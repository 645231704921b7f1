"""Tables of what was taken over from another system.

They stand apart from what syncs of ours wrote: no sync compares with them, nothing is replayed
from them, and no freshness, alert or answer counts them. They are shown as what they are.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from sync_pipeline.store.schema import Json, Key, UtcDateTime, metadata

NAME_LENGTH = 24
"""Of a source: with what stands around it, it fits where the id of a session does."""


def _source() -> Column[str]:
    return Column("source", String(NAME_LENGTH), primary_key=True)


def _number() -> Column[int]:
    """Return the key that a row has there."""
    return Column("source_id", BigInteger, primary_key=True, autoincrement=False)


def _instance(*, nullable: bool = False) -> Column[int]:
    return Column("instance_id", Key, ForeignKey("instances.id"), nullable=nullable)


import_passes = Table(
    "import_passes",
    metadata,
    _source(),
    Column("number", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)

import_marks = Table(
    "import_marks",
    metadata,
    _source(),
    Column("kind", String(64), primary_key=True),
    # A JSON list: the key of the last row that was looked at.
    Column("place", Json, nullable=False),
    Column("is_done", Boolean, nullable=False),
    Column("tally", Json, nullable=False),
)

imported_instances = Table(
    "imported_instances",
    metadata,
    _source(),
    _number(),
    _instance(),
    # What tells it from an instance of another store that has its number.
    Column("fingerprint", Text, nullable=False),
    # The last day of which sizes were taken over.
    Column("sizes_until", Date),
    Index(None, "instance_id"),
)

imported_sessions = Table(
    "imported_sessions",
    metadata,
    _source(),
    Column("kind", String(32), primary_key=True),
    Column("session_id", String(64), primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("category", "trigger", "task", "status")),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    *(Column(name, BigInteger, nullable=False) for name in ("total", "successful", "failed")),
    *(Column(name, Text, nullable=False) for name in ("created_by", "error")),
    Index(None, "started_at"),
)

imported_records = Table(
    "imported_records",
    metadata,
    _source(),
    Column("kind", String(32), primary_key=True),
    _number(),
    Column("session_id", String(64), nullable=False),
    _instance(nullable=True),
    *(Column(name, Text, nullable=False) for name in ("name", "category", "status")),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("synced", "created", "updated", "deleted")
    ),
    *(Column(name, Text, nullable=False) for name in ("error", "details")),
    Index(None, "session_id"),
    Index(None, "instance_id"),
)

imported_accounts = Table(
    "imported_accounts",
    metadata,
    _source(),
    _number(),
    _instance(),
    *(Column(name, Text, nullable=False) for name in ("name", "owner")),
    Column("is_active", Boolean, nullable=False),
    *(
        Column(name, UtcDateTime)
        for name in ("first_seen_at", "deleted_at", "last_sync_at", "last_change_at")
    ),
    Column("is_superuser", Boolean, nullable=False),
    Column("is_locked", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Index(None, "instance_id", "name"),
)

imported_changes = Table(
    "imported_changes",
    metadata,
    _source(),
    _number(),
    _instance(),
    *(Column(name, Text, nullable=False) for name in ("account", "change_type")),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("lines", Json, nullable=False),
    Column("details", Text, nullable=False),
    Index(None, "changed_at"),
    Index(None, "instance_id", "changed_at"),
    Index(None, "account", "instance_id", "changed_at"),
)
