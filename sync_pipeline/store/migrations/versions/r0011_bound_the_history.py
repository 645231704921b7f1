"""Let the records of sessions and the change log have an end, and be read by their newest."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NEWEST = "ix_sync_instance_records_newest"
_MORE = (
    ("account_change_log", "changed_at"),
    ("account_permissions", "sync_session_id"),
    ("sync_sessions", "repeats"),
    ("sync_sessions", "status", "sync_category"),
    ("sync_sessions", "sync_category", "started_at"),
)
_LESS = (
    ("sync_instance_records", "instance_name"),
    ("sync_sessions", "sync_category", "status"),
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
    for table, *columns in _MORE:
        op.create_index(_name(table, columns), table, columns)
    op.create_index(_NEWEST, "sync_instance_records", ["instance_name", "sync_category", "id"])
    for table, *columns in _LESS:
        op.drop_index(_name(table, columns), table)


def downgrade() -> None:
    """Take this revision back."""
    for table, *columns in _LESS:
        op.create_index(_name(table, columns), table, columns)
    op.drop_index(_NEWEST, "sync_instance_records")
    for table, *columns in _MORE:
        op.drop_index(_name(table, columns), table)
    op.drop_table("change_horizon")


def _name(table: str, columns: list[str]) -> str:
    return op.f(f"ix_{table}_{'_'.join(columns)}")
