"""Find the databases of all instances by their names, by code points."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NAME, _TABLE = "ix_instance_databases_database_name", "instance_databases"


def upgrade() -> None:
    """Apply this revision."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    column = "database_name" if is_sqlite else sa.text('database_name COLLATE "C"')
    op.create_index(_NAME, _TABLE, [column])


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index(_NAME, table_name=_TABLE)
