"""Keep which instances have a tag, and in which order pages read records and findings."""

from __future__ import annotations

from hashlib import blake2b

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_TABLE = "instance_tags"
_RECORDS = "ix_sync_instance_records_session_id_instance_name"
_FINDINGS = "ix_instance_findings_account"


def upgrade() -> None:
    """Apply this revision."""
    made = op.create_table(
        _TABLE,
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("instance_id", _KEY, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("digest", "instance_id", name=op.f(f"pk_{_TABLE}")),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f(f"fk_{_TABLE}_instance_id")
        ),
    )
    op.create_index(op.f(f"ix_{_TABLE}_instance_id"), _TABLE, ["instance_id"])
    instances = sa.table("instances", sa.column("id", _KEY), sa.column("tags", _JSON))
    rows = op.get_bind().execute(sa.select(instances.c.id, instances.c.tags)).all()
    found = [
        {"digest": digest, "instance_id": row.id}
        for row in rows
        for digest in sorted({_digest(tag) for tag in row.tags})
    ]
    op.bulk_insert(made, found)
    op.create_index(_RECORDS, "sync_instance_records", ["session_id", "instance_name"])
    op.create_index(
        _FINDINGS,
        "instance_findings",
        ["account_name", "resolved_at", "of_fleet", "severity", "instance_id"],
    )


def _digest(tag: str) -> str:
    """Return what the code of this revision finds a tag by."""
    return blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index(_FINDINGS, "instance_findings")
    op.drop_index(_RECORDS, "sync_instance_records")
    op.drop_table(_TABLE)
