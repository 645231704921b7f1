"""Keep what a page of a large fleet would add up: marks by topic, and when limits come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_FINDINGS, _MARKS = "instance_findings", "instance_finding_marks"
_MOMENTS = ("valid_from", "valid_until")
_NEW = "ix_instance_findings_new"
_LEVEL = "ix_size_limits_database_name_instance_id"
_UNTIL = {
    "database_size_aggregations": ["instance_id", "database_id"],
    "instance_size_aggregations": ["instance_id"],
}
_LIMIT = {
    "database_size_aggregations": """
        SELECT limit_bytes FROM size_limits
        JOIN instance_databases ON instance_databases.instance_id = size_limits.instance_id
            AND instance_databases.database_name = size_limits.database_name
        WHERE instance_databases.id = database_size_aggregations.database_id
    """,
    "instance_size_aggregations": """
        SELECT limit_bytes FROM size_limits
        WHERE size_limits.instance_id = instance_size_aggregations.instance_id
            AND size_limits.database_name = ''
    """,
}
_FILL_FINDINGS = """
    UPDATE instance_findings SET is_baseline = true WHERE NOT EXISTS (
        SELECT 1 FROM instance_reviews
        WHERE instance_reviews.instance_id = instance_findings.instance_id
            AND instance_findings.first_seen_at > instance_reviews.began_at
    )
"""


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "topic_marks",
        sa.Column("topic", sa.String(16), nullable=False),
        sa.Column("part", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("topic", "part", name=op.f("pk_topic_marks")),
    )
    for name in _MOMENTS:
        op.create_index(op.f(f"ix_{_MARKS}_basis_{name}"), _MARKS, ["basis", name])
    op.add_column(
        _FINDINGS,
        sa.Column("is_baseline", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.execute(_FILL_FINDINGS)
    where = sa.text("NOT is_baseline")
    op.create_index(_NEW, _FINDINGS, ["first_seen_at"], sqlite_where=where, postgresql_where=where)
    for table, keys in _UNTIL.items():
        op.add_column(table, sa.Column("periods_until_limit", sa.Float))
        op.execute(
            f"UPDATE {table} SET periods_until_limit = "  # noqa: S608 - names of our own
            f"CAST(({_LIMIT[table]}) - total_last_bytes AS DOUBLE PRECISION) / "
            "CAST(total_change_bytes AS DOUBLE PRECISION) "
            "WHERE total_change_bytes > 0 AND instance_id IN (SELECT instance_id FROM size_limits)"
        )
        where = sa.text("periods_until_limit IS NOT NULL")
        op.create_index(
            _index_of(table),
            table,
            ["period_type", "period_start", "periods_until_limit", *keys],
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_index(_LEVEL, "size_limits", ["database_name", "instance_id"])


def _index_of(table: str) -> str:
    return f"ix_{table}_by_until"


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index(_LEVEL, "size_limits")
    for table in _UNTIL:
        op.drop_index(_index_of(table), table)
        op.drop_column(table, "periods_until_limit")
    op.drop_index(_NEW, _FINDINGS)
    op.drop_column(_FINDINGS, "is_baseline")
    for name in _MOMENTS:
        op.drop_index(op.f(f"ix_{_MARKS}_basis_{name}"), _MARKS)
    op.drop_table("topic_marks")
