"""Find the changes that are told, newest first, without those that first syncs found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_LOG = "account_change_log"
_HEADS = "ix_account_change_log_heads"
_PARTIAL = {
    "ix_account_change_log_told": (
        ["changed_at", "id", "told", "change_type", "instance_id"],
        "told IS NOT NULL",
    ),
    "ix_account_change_log_told_of": (
        ["instance_id", "changed_at", "id", "told", "change_type"],
        "told IS NOT NULL",
    ),
    "ix_account_change_log_power": (
        ["changed_at", "id", "told", "change_type", "instance_id"],
        "told >= 4",
    ),
}
# -1 stands for a first sync, at its first entry. Whether others give a power, this does not say.
_FIRST = """
    UPDATE account_change_log SET told = -1 WHERE change_type = 'add' AND id IN (
        SELECT (
            SELECT older.id FROM account_change_log AS older
            WHERE older.instance_id = instances.id
            ORDER BY older.changed_at, older.id LIMIT 1
        ) FROM instances
    )
"""
_TOLD = """
    UPDATE account_change_log SET told = 16
    WHERE told IS NULL AND CAST(lines AS TEXT) NOT IN ('[]', '0') AND NOT (
        change_type = 'add' AND EXISTS (
            SELECT 1 FROM account_change_log AS head
            WHERE head.told = -1 AND head.instance_id = account_change_log.instance_id
            AND head.changed_at = account_change_log.changed_at
            AND head.session_id = account_change_log.session_id
        )
    )
"""


def upgrade() -> None:
    """Apply this revision."""
    op.add_column(_LOG, sa.Column("told", sa.SmallInteger(), nullable=True))
    op.execute(_FIRST)
    where = sa.text("told = -1")
    op.create_index(_HEADS, _LOG, ["instance_id"], sqlite_where=where, postgresql_where=where)
    op.execute(_TOLD)
    op.drop_index(_HEADS, _LOG)
    for name, (columns, condition) in _PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, _LOG, columns, sqlite_where=where, postgresql_where=where)
    op.create_index(
        op.f("ix_account_change_log_account_name_changed_at_id"),
        _LOG,
        ["account_name", "changed_at", "id"],
    )
    op.create_index(
        op.f("ix_instance_findings_first_seen_at"), "instance_findings", ["first_seen_at"]
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_instance_findings_first_seen_at", "instance_findings")
    op.drop_index("ix_account_change_log_account_name_changed_at_id", _LOG)
    for name in _PARTIAL:
        op.drop_index(name, _LOG)
    op.drop_column(_LOG, "told")
