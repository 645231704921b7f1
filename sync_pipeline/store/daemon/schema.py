"""Tables of the daemon: the lease on being it, and which ticks of schedules were carried out."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, String, Table

from sync_pipeline.store.schema import UtcDateTime, metadata

daemon_lease = Table(
    "daemon_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("token", String(36), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("lease_seconds", Float, nullable=False),
    Column("since", UtcDateTime),
    Column("renewed_at", UtcDateTime),
    Column("takeovers", Integer, nullable=False),
    Column("beside_at", UtcDateTime),
)
"""One row. On SQLite it stays empty: the lease is a file beside the database."""

process_replacements = Table(
    "process_replacements",
    metadata,
    Column("process", String(32), primary_key=True),
    Column("replaced", Integer, nullable=False),
)

schedule_ticks = Table(
    "schedule_ticks",
    metadata,
    Column("job_name", String(255), primary_key=True),
    Column("scheduled_at", UtcDateTime, primary_key=True),
    Column("done_by", String(64), nullable=False),
)
"""`done_by` is the session that carried a tick out, or the run where its job leaves none."""
