"""Let the records of sessions and the change log have an end, and be read by their newest."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

_RECORDS = "sync_instance_records"
_MORE = (
    ("account_change_log", "changed_at"),
    ("account_permissions", "sync_session_id"),
    ("sync_sessions", "repeats"),
)


def upgrade() -> None:
    """Apply this revision."""
    horizon = op.create_table(
        "change_horizon",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pruned_before", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_horizon")),
    )
    # The one row: nothing was pruned yet.
    op.bulk_insert(horizon, [{"id": 1, "pruned_before": datetime(1970, 1, 1, tzinfo=UTC)}])
    for table, column in _MORE:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.create_index(
        "ix_sync_instance_records_newest", _RECORDS, ["instance_name", "sync_category", "id"]
    )
    op.drop_index(op.f("ix_sync_instance_records_instance_name"), _RECORDS)


def downgrade() -> None:
    """Take this revision back."""
    op.create_index(op.f("ix_sync_instance_records_instance_name"), _RECORDS, ["instance_name"])
    op.drop_index("ix_sync_instance_records_newest", _RECORDS)
    for table, column in _MORE:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    op.drop_table("change_horizon")
