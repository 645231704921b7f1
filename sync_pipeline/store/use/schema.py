"""The table of the use of accounts: one row an instance."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from sync_pipeline.store.schema import Json, Key, UtcDateTime, metadata

instance_use = Table(
    "instance_use",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # None: no sample was taken yet.
    Column("means", String(16)),
    Column("samples", Integer, nullable=False),
    Column("since_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime),
    # None: not every login shows.
    Column("whole_since", UtcDateTime),
    # Seconds.
    Column("longest_gap", Integer, nullable=False),
    Column("gaps", Integer, nullable=False),
    Column("gap_at", UtcDateTime),
    Column("restarts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", UtcDateTime),
    Column("note", Text, nullable=False),
    # By what the next sample sees whether the counters went on counting.
    Column("marks", Json, nullable=False),
    Column("has_moved", Boolean, nullable=False),
    # What these hold: store/use/packing. They are written where an account was seen anew.
    Column("accounts", LargeBinary),
    Column("counters", LargeBinary),
)
