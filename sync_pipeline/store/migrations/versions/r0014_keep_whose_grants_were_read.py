"""Keep of whose grants the rows were that the last sync of an instance had read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "instance_holders",
        sa.Column(
            "instance_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_holders_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_holders")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("instance_holders")
