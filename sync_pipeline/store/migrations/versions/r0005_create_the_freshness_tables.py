"""Create the tables of freshness, and the index of last successes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COMPLETED = sa.text("status = 'completed'")


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "freshness_states",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("sync_category", sa.String(length=32), nullable=False),
        sa.Column("quiet", sa.String(length=16)),
        sa.Column("counted_from", sa.DateTime(timezone=True)),
        sa.Column("stale_since", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_freshness_states_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", "sync_category", name=op.f("pk_freshness_states")),
    )
    op.create_table(
        "freshness_told",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("sync_category", sa.String(length=32), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_freshness_told_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "channel", "instance_id", "sync_category", name=op.f("pk_freshness_told")
        ),
    )
    op.create_table(
        "freshness_checks",
        sa.Column("sync_category", sa.String(length=32), nullable=False),
        sa.Column("limit_seconds", sa.Float(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sync_category", name=op.f("pk_freshness_checks")),
    )
    op.create_index(
        "ix_sync_instance_records_last_success",
        "sync_instance_records",
        ["instance_id", "sync_category", "completed_at"],
        sqlite_where=_COMPLETED,
        postgresql_where=_COMPLETED,
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_sync_instance_records_last_success", table_name="sync_instance_records")
    op.drop_table("freshness_checks")
    op.drop_table("freshness_told")
    op.drop_table("freshness_states")
