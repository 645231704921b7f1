"""Keep how bad findings were, how many came and went, and what commands accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_FINDINGS, _MARKS = "instance_findings", "instance_finding_marks"
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)
_PARTIAL = {
    "ix_instance_findings_open": (["of_fleet", "severity", "first_seen_at"], "resolved_at IS NULL"),
    "ix_instance_findings_changed_at": (["changed_at"], "changed_at IS NOT NULL"),
}


def upgrade() -> None:
    """Apply this revision."""
    op.add_column(_FINDINGS, sa.Column("steps", sa.Text(), nullable=True))
    op.add_column(_FINDINGS, sa.Column("changed_at", _UTC, nullable=True))
    for name, (columns, condition) in _PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, _FINDINGS, columns, sqlite_where=where, postgresql_where=where)
    op.add_column(
        _MARKS, sa.Column("accepted_by", sa.String(64), nullable=False, server_default="")
    )
    op.create_table(
        "instance_finding_totals",
        sa.Column("instance_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False, autoincrement=False),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("opened", "worsened", "resolved")
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_finding_totals_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "instance_id", "rule", "rank", name=op.f("pk_instance_finding_totals")
        ),
    )
    op.create_table(
        "finding_acceptances",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("rule", "instance", "account", "about")
        ),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("given_by", sa.String(255), nullable=False),
        sa.Column("given_at", _UTC, nullable=False),
        sa.Column("removed_by", sa.String(255)),
        sa.Column("removed_at", _UTC),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_acceptances")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("finding_acceptances")
    op.drop_table("instance_finding_totals")
    op.drop_column(_MARKS, "accepted_by")
    for name in _PARTIAL:
        op.drop_index(name, _FINDINGS)
    op.drop_column(_FINDINGS, "changed_at")
    op.drop_column(_FINDINGS, "steps")
