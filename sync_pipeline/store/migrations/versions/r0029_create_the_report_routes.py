"""Create the table of the reports that are mailed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "report_routes",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("until_at", _UTC),
        sa.Column("not_before", _UTC),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_report_routes")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("report_routes")
