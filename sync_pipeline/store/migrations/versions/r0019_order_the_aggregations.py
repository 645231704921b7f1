"""Order the aggregations of a period by size, and of weeks and longer ones by growth too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_SUBJECTS = {
    "database_size_aggregations": ["instance_id", "database_id"],
    "instance_size_aggregations": ["instance_id"],
}
_GROWTHS = {"growth": "total_change_bytes", "percent": "total_change_percent"}
_PERIOD = ["period_type", "period_start"]


def upgrade() -> None:
    """Apply this revision."""
    for table, subject in _SUBJECTS.items():
        # That of the size answers what it answered, too.
        op.drop_index(f"ix_{table}_period_type_period_start", table_name=table)
        op.create_index(f"ix_{table}_by_size", table, [*_PERIOD, "total_last_bytes", *subject])
    for name, column in _GROWTHS.items():
        table, longer = "database_size_aggregations", sa.text("period_type <> 'day'")
        op.create_index(
            f"ix_{table}_by_{name}",
            table,
            [*_PERIOD, column, *_SUBJECTS[table]],
            sqlite_where=longer,
            postgresql_where=longer,
        )


def downgrade() -> None:
    """Take this revision back."""
    for name in _GROWTHS:
        op.drop_index(
            f"ix_database_size_aggregations_by_{name}", table_name="database_size_aggregations"
        )
    for table in _SUBJECTS:
        op.drop_index(f"ix_{table}_by_size", table_name=table)
        op.create_index(f"ix_{table}_period_type_period_start", table, _PERIOD)
