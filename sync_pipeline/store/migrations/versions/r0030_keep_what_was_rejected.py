"""Keep what servers rejected, so that it is not sent to them again and again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "rejected_secrets",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_rejected_secrets_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_rejected_secrets")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("rejected_secrets")
