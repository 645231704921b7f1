"""Create the table of who uses the accounts of instances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "instance_use",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("means", sa.String(16)),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("since_at", _UTC, nullable=False),
        sa.Column("last_at", _UTC),
        sa.Column("whole_since", _UTC),
        sa.Column("longest_gap", sa.Integer, nullable=False),
        sa.Column("gaps", sa.Integer, nullable=False),
        sa.Column("gap_at", _UTC),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failed_at", _UTC),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("marks", _JSON, nullable=False),
        sa.Column("has_moved", sa.Boolean, nullable=False),
        sa.Column("accounts", sa.LargeBinary),
        sa.Column("counters", sa.LargeBinary),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_use_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_use")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("instance_use")
