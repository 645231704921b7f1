"""Create what is kept of the review of each instance, and its findings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "instance_reviews",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("world", sa.String(128)),
        sa.Column("databases", sa.Text, nullable=False),
        sa.Column("listing", sa.String(64), nullable=False),
        sa.Column("listed_at", _UTC),
        sa.Column("valid_from", _UTC),
        sa.Column("valid_until", _UTC),
        sa.Column("is_unlisted", sa.Boolean, nullable=False),
        sa.Column("notes", sa.LargeBinary),
        sa.Column("providers", sa.LargeBinary),
        sa.Column("findings", sa.LargeBinary),
        sa.Column("namesakes", sa.LargeBinary),
        sa.Column("remedies", sa.LargeBinary),
        sa.Column("began_at", _UTC),
        sa.Column("reviewed_at", _UTC),
        sa.Column("compared_at", _UTC),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_reviews_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_reviews")),
    )
    op.create_table(
        "instance_findings",
        sa.Column("id", _KEY, nullable=False, autoincrement=True),
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("account_name", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("of_fleet", sa.Boolean, nullable=False),
        sa.Column("first_seen_at", _UTC, nullable=False),
        sa.Column("resolved_at", _UTC),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_findings_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_findings")),
    )
    for columns in (["instance_id", "resolved_at"], ["resolved_at"]):
        name = op.f(f"ix_instance_findings_{'_'.join(columns)}")
        op.create_index(name, "instance_findings", columns)


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("instance_findings")
    op.drop_table("instance_reviews")
