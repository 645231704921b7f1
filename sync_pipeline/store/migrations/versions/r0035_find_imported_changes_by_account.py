"""Find the imported changes of one account: its page shows them."""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_TABLE = "imported_changes"
_NAME = "ix_imported_changes_account_instance_id_changed_at"


def upgrade() -> None:
    """Apply this revision."""
    op.create_index(op.f(_NAME), _TABLE, ["account", "instance_id", "changed_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index(op.f(_NAME), table_name=_TABLE)
