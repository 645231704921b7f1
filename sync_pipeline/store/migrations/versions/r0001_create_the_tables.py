"""Create the tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "credentials",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_credentials")),
    )
    op.create_table(
        "instances",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("engine", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("database", sa.String(length=255), nullable=True),
        sa.Column("credential", sa.String(length=255), nullable=False),
        sa.Column("tls_mode", sa.String(length=16), nullable=False),
        sa.Column("tls_ca_file", sa.Text(), nullable=True),
        sa.Column("tls_cert_file", sa.Text(), nullable=True),
        sa.Column("tls_key_file", sa.Text(), nullable=True),
        sa.Column("connect_seconds", sa.Float(), nullable=False),
        sa.Column("statement_seconds", sa.Float(), nullable=False),
        sa.Column("total_seconds", sa.Float(), nullable=False),
        sa.Column(
            "tags",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("environment", sa.String(length=255), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("server_version", sa.Text(), nullable=True),
        sa.Column("last_connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint("name", name=op.f("uq_instances_name")),
    )
    op.create_table(
        "sync_sessions",
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("sync_type", sa.String(length=32), nullable=False),
        sa.Column("sync_category", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("total_instances", sa.Integer(), nullable=False),
        sa.Column("successful_instances", sa.Integer(), nullable=False),
        sa.Column("failed_instances", sa.Integer(), nullable=False),
        sa.Column("skipped_instances", sa.Integer(), nullable=False),
        sa.Column("cancelled_instances", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("job_name", sa.String(length=255), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("ended_run_id", sa.String(length=36), nullable=True),
        sa.Column("partition_key", sa.String(length=255), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sync_sessions")),
    )
    with op.batch_alter_table("sync_sessions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sync_sessions_started_at"), ["started_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_sync_sessions_sync_category_status"),
            ["sync_category", "status"],
            unique=False,
        )

    op.create_table(
        "account_change_log",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("account_name", sa.Text(), nullable=False),
        sa.Column("change_type", sa.String(length=32), nullable=False),
        sa.Column(
            "diff",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "lines",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_account_change_log_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_change_log")),
    )
    with op.batch_alter_table("account_change_log", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_account_change_log_instance_id_changed_at"),
            ["instance_id", "changed_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_account_change_log_session_id"), ["session_id"], unique=False
        )

    op.create_table(
        "instance_accounts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("account_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_accounts_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_accounts")),
        sa.UniqueConstraint(
            "instance_id",
            "account_name",
            name=op.f("uq_instance_accounts_instance_id_account_name"),
        ),
    )
    op.create_table(
        "instance_sections",
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("section", sa.String(length=64), nullable=False),
        sa.Column("database", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_sections_instance_id")
        ),
        sa.PrimaryKeyConstraint(
            "instance_id", "section", "database", name=op.f("pk_instance_sections")
        ),
    )
    op.create_table(
        "sync_instance_records",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("instance_name", sa.String(length=255), nullable=False),
        sa.Column("sync_category", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("items_synced", sa.Integer(), nullable=False),
        sa.Column("items_created", sa.Integer(), nullable=False),
        sa.Column("items_updated", sa.Integer(), nullable=False),
        sa.Column("items_deleted", sa.Integer(), nullable=False),
        sa.Column("error_kind", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column(
            "sync_details",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_sync_instance_records_instance_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sync_sessions.session_id"],
            name=op.f("fk_sync_instance_records_session_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_instance_records")),
        sa.UniqueConstraint(
            "session_id",
            "instance_id",
            name=op.f("uq_sync_instance_records_session_id_instance_id"),
        ),
    )
    with op.batch_alter_table("sync_instance_records", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sync_instance_records_instance_name"), ["instance_name"], unique=False
        )

    op.create_table(
        "sync_leases",
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("sync_category", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=255), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_sync_leases_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", "sync_category", name=op.f("pk_sync_leases")),
    )
    op.create_table(
        "account_permissions",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("is_locked", sa.Boolean(), nullable=False),
        sa.Column("can_login", sa.Boolean(), nullable=False),
        sa.Column(
            "snapshot",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("sync_session_id", sa.String(length=36), nullable=False),
        sa.Column("last_sync_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_change_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["instance_accounts.id"], name=op.f("fk_account_permissions_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["sync_session_id"],
            ["sync_sessions.session_id"],
            name=op.f("fk_account_permissions_sync_session_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_permissions")),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("account_permissions")
    op.drop_table("sync_leases")
    with op.batch_alter_table("sync_instance_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_instance_records_instance_name"))

    op.drop_table("sync_instance_records")
    op.drop_table("instance_sections")
    op.drop_table("instance_accounts")
    with op.batch_alter_table("account_change_log", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_change_log_session_id"))
        batch_op.drop_index(batch_op.f("ix_account_change_log_instance_id_changed_at"))

    op.drop_table("account_change_log")
    with op.batch_alter_table("sync_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_sessions_sync_category_status"))
        batch_op.drop_index(batch_op.f("ix_sync_sessions_started_at"))

    op.drop_table("sync_sessions")
    op.drop_table("instances")
    op.drop_table("credentials")
