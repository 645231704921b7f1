"""Create the outbox, through which freshness is told, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)
_IS_WAITING = sa.text("message_id IS NULL")
_IS_OPEN = sa.text("sent_at IS NULL")


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "outbox_messages",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("message_key", sa.String(32), nullable=False),
        sa.Column("route", sa.String(100), nullable=False),
        sa.Column("made_at", _UTC, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", _UTC),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
    )
    op.create_index(op.f("ix_outbox_messages_sent_at"), "outbox_messages", ["sent_at"])
    op.create_index(
        "uq_outbox_messages_open",
        "outbox_messages",
        ["route"],
        unique=True,
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    )
    op.create_table(
        "outbox_lines",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("route", sa.String(100), nullable=False),
        sa.Column("event_id", _KEY, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("message_id", _KEY),
        sa.Column("is_late", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_outbox_lines_event_id")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["outbox_messages.id"], name=op.f("fk_outbox_lines_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_lines")),
    )
    op.create_index(op.f("ix_outbox_lines_event_id"), "outbox_lines", ["event_id"])
    op.create_index(op.f("ix_outbox_lines_message_id"), "outbox_lines", ["message_id"])
    op.create_index(
        "ix_outbox_lines_waiting",
        "outbox_lines",
        ["route", "due_at"],
        sqlite_where=_IS_WAITING,
        postgresql_where=_IS_WAITING,
    )
    op.create_table(
        "outbox_routes",
        sa.Column("route", sa.String(100), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_try_at", _UTC),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("last_sent_at", _UTC),
        sa.PrimaryKeyConstraint("route", name=op.f("pk_outbox_routes")),
    )
    op.create_table(
        "freshness_announced",
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("sync_category", sa.String(32), nullable=False),
        sa.Column("announced_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_freshness_announced_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "instance_id", "sync_category", name=op.f("pk_freshness_announced")
        ),
    )
    # What one channel was told at least is announced: an end of it is told to all.
    op.execute(
        "INSERT INTO freshness_announced (instance_id, sync_category, announced_at) "
        "SELECT instance_id, sync_category, min(told_at) FROM freshness_told "
        "GROUP BY instance_id, sync_category"
    )
    # They are not new: nobody is told again of what is overdue.
    op.execute(
        "INSERT INTO outbox_routes (route, failures, error, last_sent_at) "
        "SELECT channel, 0, '', max(told_at) FROM freshness_told GROUP BY channel"
    )
    op.drop_table("freshness_told")


def downgrade() -> None:
    """Take this revision back: who knows of what is overdue is what was announced."""
    op.create_table(
        "freshness_told",
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("instance_id", _KEY, nullable=False),
        sa.Column("sync_category", sa.String(32), nullable=False),
        sa.Column("told_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_freshness_told_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "channel", "instance_id", "sync_category", name=op.f("pk_freshness_told")
        ),
    )
    op.execute(
        "INSERT INTO freshness_told (channel, instance_id, sync_category, told_at) "
        "SELECT r.route, a.instance_id, a.sync_category, a.announced_at "
        "FROM freshness_announced a CROSS JOIN outbox_routes r "
        "WHERE r.route IN ('webhook', 'slack', 'email')"
    )
    op.drop_table("freshness_announced")
    op.drop_table("outbox_routes")
    op.drop_table("outbox_lines")
    op.drop_table("outbox_messages")
