"""Create the table of the runs of sessions; a record knows its shard and its run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Of what is there already, every session had one run at a time.
_RUNS = """
INSERT INTO sync_session_runs
    (session_id, shard, run_id, status, started_at, ended_at, error)
SELECT session_id, 1, run_id,
    CASE WHEN status = 'pending' THEN 'running' ELSE status END,
    CASE WHEN total_instances = 0 AND status <> 'completed' THEN NULL ELSE started_at END,
    completed_at, error
FROM sync_sessions
"""
_RECORDS = """
UPDATE sync_instance_records SET run_id = (
    SELECT run_id FROM sync_sessions
    WHERE sync_sessions.session_id = sync_instance_records.session_id
)
"""
_ENDED = """
UPDATE sync_sessions SET heartbeat_at = coalesce(completed_at, started_at), ended_run_id = (
    SELECT run_id FROM sync_session_runs
    WHERE sync_session_runs.session_id = sync_sessions.session_id
        AND sync_session_runs.run_id = sync_sessions.run_id
        AND ended_at IS NOT NULL
)
"""


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "sync_session_runs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sync_sessions.session_id"],
            name=op.f("fk_sync_session_runs_session_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_session_runs")),
        sa.UniqueConstraint(
            "session_id", "run_id", name=op.f("uq_sync_session_runs_session_id_run_id")
        ),
    )
    op.add_column(
        "sync_sessions",
        sa.Column("shard_count", sa.Integer(), nullable=False, server_default="1"),
    )
    op.add_column(
        "sync_instance_records",
        sa.Column("shard", sa.Integer(), nullable=False, server_default="1"),
    )
    op.add_column("sync_instance_records", sa.Column("run_id", sa.String(length=36), nullable=True))
    op.execute(_RUNS)
    op.execute(_RECORDS)
    op.drop_column("sync_sessions", "ended_run_id")
    op.drop_column("sync_sessions", "heartbeat_at")


def downgrade() -> None:
    """Take this revision back."""
    op.add_column("sync_sessions", sa.Column("ended_run_id", sa.String(length=36), nullable=True))
    op.add_column(
        "sync_sessions",
        sa.Column(
            "heartbeat_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default="2000-01-01 00:00:00",
        ),
    )
    op.execute(_ENDED)
    op.drop_column("sync_instance_records", "run_id")
    op.drop_column("sync_instance_records", "shard")
    op.drop_column("sync_sessions", "shard_count")
    op.drop_table("sync_session_runs")
