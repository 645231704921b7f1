"""Create the tables of what is taken over from another system."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_UTC = sa.DateTime(timezone=True)
_AGGREGATIONS = ("database_size_aggregations", "instance_size_aggregations")


def _source() -> sa.Column[str]:
    return sa.Column("source", sa.String(24), nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _moments(*names: str) -> list[sa.Column[datetime]]:
    return [sa.Column(name, _UTC) for name in names]


def _of_instance(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_instance_id")
    return sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=name)


def _key_of(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("source", *columns, name=op.f(f"pk_{table}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def upgrade() -> None:
    """Apply this revision."""
    _create_progress()
    _create_sessions()
    _create_accounts()
    for table in _AGGREGATIONS:
        op.add_column(table, sa.Column("origin", sa.String(64)))


def _create_progress() -> None:
    op.create_table(
        "import_passes",
        _source(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started_at", _UTC, nullable=False),
        sa.Column("finished_at", _UTC),
        _key_of("import_passes"),
    )
    op.create_table(
        "import_marks",
        _source(),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("place", _JSON, nullable=False),
        sa.Column("is_done", sa.Boolean, nullable=False),
        sa.Column("tally", _JSON, nullable=False),
        _key_of("import_marks", "kind"),
    )
    op.create_table(
        "imported_instances",
        _source(),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("instance_id", _KEY, nullable=False),
        *_texts("fingerprint"),
        sa.Column("sizes_until", sa.Date),
        _of_instance("imported_instances"),
        _key_of("imported_instances", "source_id"),
    )
    _index("imported_instances", "instance_id")


def _create_sessions() -> None:
    op.create_table(
        "imported_sessions",
        _source(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        *_texts("category", "trigger", "task", "status"),
        *_moments("started_at", "completed_at"),
        *_numbers("total", "successful", "failed"),
        *_texts("created_by", "error"),
        _key_of("imported_sessions", "kind", "session_id"),
    )
    _index("imported_sessions", "started_at")
    op.create_table(
        "imported_records",
        _source(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("instance_id", _KEY),
        *_texts("name", "category", "status"),
        *_moments("started_at", "completed_at"),
        *_numbers("synced", "created", "updated", "deleted"),
        *_texts("error", "details"),
        _of_instance("imported_records"),
        _key_of("imported_records", "kind", "source_id"),
    )
    _index("imported_records", "session_id")
    _index("imported_records", "instance_id")


def _create_accounts() -> None:
    op.create_table(
        "imported_accounts",
        _source(),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("instance_id", _KEY, nullable=False),
        *_texts("name", "owner"),
        sa.Column("is_active", sa.Boolean, nullable=False),
        *_moments("first_seen_at", "deleted_at", "last_sync_at", "last_change_at"),
        sa.Column("is_superuser", sa.Boolean, nullable=False),
        sa.Column("is_locked", sa.Boolean, nullable=False),
        *_texts("state"),
        _of_instance("imported_accounts"),
        _key_of("imported_accounts", "source_id"),
    )
    _index("imported_accounts", "instance_id", "name")
    op.create_table(
        "imported_changes",
        _source(),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("instance_id", _KEY, nullable=False),
        *_texts("account", "change_type"),
        sa.Column("changed_at", _UTC, nullable=False),
        *_texts("session_id"),
        sa.Column("lines", _JSON, nullable=False),
        *_texts("details"),
        _of_instance("imported_changes"),
        _key_of("imported_changes", "source_id"),
    )
    _index("imported_changes", "changed_at")
    _index("imported_changes", "instance_id", "changed_at")


def downgrade() -> None:
    """Take this revision back."""
    for table in _AGGREGATIONS:
        op.drop_column(table, "origin")
    for table in (
        "imported_changes",
        "imported_accounts",
        "imported_records",
        "imported_sessions",
        "imported_instances",
        "import_marks",
        "import_passes",
    ):
        op.drop_table(table)
