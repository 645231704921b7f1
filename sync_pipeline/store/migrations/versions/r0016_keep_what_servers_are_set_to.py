"""Keep what the server of an instance is set to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "instance_server_facts",
        sa.Column("id", key, autoincrement=True, nullable=False),
        sa.Column("instance_id", key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_server_facts_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_server_facts")),
    )
    op.create_index(
        op.f("ix_instance_server_facts_instance_id"), "instance_server_facts", ["instance_id"]
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("instance_server_facts")
