"""Find the changes of one account of one instance, however many others have its name."""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_TABLE = "account_change_log"
_NAME = "ix_account_change_log_account_name_instance_id_changed_at_id"


def upgrade() -> None:
    """Apply this revision."""
    columns = ["account_name", "instance_id", "changed_at", "id"]
    op.create_index(op.f(_NAME), _TABLE, columns)


def downgrade() -> None:
    """Take it back."""
    op.drop_index(op.f(_NAME), table_name=_TABLE)
