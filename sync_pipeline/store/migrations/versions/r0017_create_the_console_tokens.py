"""Create the console's tokens, and find accounts of all instances by name and by what they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "console_tokens",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("tags", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=True),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("cookie_digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_console_tokens")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_console_tokens_token_digest")),
        sa.UniqueConstraint("cookie_digest", name=op.f("uq_console_tokens_cookie_digest")),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    name = "account_name" if is_sqlite else 'account_name COLLATE "C"'
    op.create_index(
        "ix_instance_accounts_by_name", "instance_accounts", [sa.text(name), "instance_id"]
    )
    for column in ("is_superuser", "is_locked"):
        op.create_index(
            f"ix_account_permissions_{column}",
            "account_permissions",
            ["account_id"],
            sqlite_where=sa.text(f"{column} IS 1"),
            postgresql_where=sa.text(f"{column} IS true"),
        )


def downgrade() -> None:
    """Take this revision back."""
    for column in ("is_superuser", "is_locked"):
        op.drop_index(f"ix_account_permissions_{column}", table_name="account_permissions")
    op.drop_index("ix_instance_accounts_by_name", table_name="instance_accounts")
    op.drop_table("console_tokens")
