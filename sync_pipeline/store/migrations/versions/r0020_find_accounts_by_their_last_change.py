"""Find accounts of all instances by when they last changed."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NAME, _TABLE = "ix_account_permissions_last_change_at", "account_permissions"


def upgrade() -> None:
    """Apply this revision."""
    op.create_index(_NAME, _TABLE, ["last_change_at"])


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index(_NAME, table_name=_TABLE)
