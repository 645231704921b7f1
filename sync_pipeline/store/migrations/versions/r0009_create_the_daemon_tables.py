"""Create the lease of the daemon, and the ticks of schedules that were carried out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "daemon_lease",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("token", sa.String(36), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("lease_seconds", sa.Float, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("renewed_at", sa.DateTime(timezone=True)),
        sa.Column("takeovers", sa.Integer, nullable=False),
        sa.Column("beside_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daemon_lease")),
    )
    op.create_table(
        "process_replacements",
        sa.Column("process", sa.String(32), nullable=False),
        sa.Column("replaced", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_process_replacements")),
    )
    op.create_table(
        "schedule_ticks",
        sa.Column("job_name", sa.String(255), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("job_name", "scheduled_at", name=op.f("pk_schedule_ticks")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("schedule_ticks")
    op.drop_table("process_replacements")
    op.drop_table("daemon_lease")
