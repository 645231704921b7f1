"""Create the table of daily class counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "account_class_counts",
        sa.Column(
            "instance_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("counted_date", sa.Date(), nullable=False),
        sa.Column("class_name", sa.String(length=100), nullable=False),
        sa.Column("account_count", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_account_class_counts_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "instance_id", "counted_date", "class_name", name=op.f("pk_account_class_counts")
        ),
    )
    op.create_index(
        op.f("ix_account_class_counts_counted_date"),
        "account_class_counts",
        ["counted_date"],
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("account_class_counts")
