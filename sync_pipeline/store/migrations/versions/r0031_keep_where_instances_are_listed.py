"""Keep where instances are listed, and since when they are not any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "instance_origins",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("cloud", sa.String(16), nullable=False),
        sa.Column("scope", sa.String(255), nullable=False),
        sa.Column("resource_id", sa.String(512), nullable=False),
        sa.Column("own_id", sa.String(255), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("tags", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("vanished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_origins_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_origins")),
        sa.UniqueConstraint("resource_id", name=op.f("uq_instance_origins_resource_id")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("instance_origins")
