"""Keep whose service an instance is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("instances", sa.Column("platform", sa.String(32), nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("instances", "platform")
