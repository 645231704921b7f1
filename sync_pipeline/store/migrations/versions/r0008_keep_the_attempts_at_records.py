"""Keep the attempts at a record, and which session another one does again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("sync_sessions", sa.Column("repeats", sa.String(length=36), nullable=True))
    op.create_table(
        "sync_record_attempts",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_kind", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["instances.id"],
            name=op.f("fk_sync_record_attempts_instance_id"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sync_sessions.session_id"],
            name=op.f("fk_sync_record_attempts_session_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_record_attempts")),
        sa.UniqueConstraint(
            "session_id",
            "instance_id",
            "run_id",
            "attempt",
            name=op.f("uq_sync_record_attempts_session_id_instance_id_run_id_attempt"),
        ),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("sync_record_attempts")
    op.drop_column("sync_sessions", "repeats")
