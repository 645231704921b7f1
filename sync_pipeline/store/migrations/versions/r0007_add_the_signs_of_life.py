"""Add the last sign of life of a run, which its process writes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column(
        "sync_session_runs", sa.Column("last_sign_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute("UPDATE sync_session_runs SET last_sign_at = started_at")


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("sync_session_runs", "last_sign_at")
