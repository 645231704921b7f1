"""Keep how many findings each instance has, by rule and severity."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)
_NUMBERS = (
    *("told_causes", "told_findings", "told_accounts", "is_told_worst"),
    *("alone_causes", "alone_findings", "alone_accounts", "is_alone_worst"),
    *("findings", "accepted"),
)


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "instance_finding_marks",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("valid_from", _UTC),
        sa.Column("valid_until", _UTC),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_finding_marks_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_finding_marks")),
    )
    op.create_table(
        "instance_finding_counts",
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("instance_id", _KEY, nullable=False, autoincrement=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _NUMBERS),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_finding_counts_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "rule", "rank", "instance_id", name=op.f("pk_instance_finding_counts")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_instance_finding_counts_instance_id"), "instance_finding_counts", ["instance_id"]
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("instance_finding_counts")
    op.drop_table("instance_finding_marks")
