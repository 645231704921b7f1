"""Create the tables of sizes and aggregations."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "database_size_stats",
        sa.Column(
            "instance_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("collected_date", sa.Date(), nullable=False),
        sa.Column(
            "database_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_bytes", sa.BigInteger(), nullable=True),
        sa.Column("index_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_bytes", sa.BigInteger(), nullable=True),
        sa.Column("temporary_bytes", sa.BigInteger(), nullable=True),
        sa.Column("logical_bytes", sa.BigInteger(), nullable=True),
        sa.Column("maximum_bytes", sa.BigInteger(), nullable=True),
        sa.Column(
            "unknown",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint(
            "instance_id", "collected_date", "database_id", name=op.f("pk_database_size_stats")
        ),
        postgresql_partition_by="RANGE (collected_date)",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "instance_size_stats",
        sa.Column(
            "instance_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("collected_date", sa.Date(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_bytes", sa.BigInteger(), nullable=True),
        sa.Column("index_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_bytes", sa.BigInteger(), nullable=True),
        sa.Column("temporary_bytes", sa.BigInteger(), nullable=True),
        sa.Column("logical_bytes", sa.BigInteger(), nullable=True),
        sa.Column("shared_bytes", sa.BigInteger(), nullable=True),
        sa.Column("known_bytes", sa.BigInteger(), nullable=False),
        sa.Column("database_count", sa.Integer(), nullable=False),
        sa.Column("unread_count", sa.Integer(), nullable=False),
        sa.Column(
            "unknown",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint(
            "instance_id", "collected_date", name=op.f("pk_instance_size_stats")
        ),
        postgresql_partition_by="RANGE (collected_date)",
        sqlite_with_rowid=False,
    )
    horizon = op.create_table(
        "size_horizon",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pruned_before", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_size_horizon")),
    )
    op.create_table(
        "table_size_stats",
        sa.Column(
            "instance_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("collected_date", sa.Date(), nullable=False),
        sa.Column(
            "database_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("data_bytes", sa.BigInteger(), nullable=False),
        sa.Column("index_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "instance_id",
            "collected_date",
            "database_id",
            "schema_name",
            "table_name",
            name=op.f("pk_table_size_stats"),
        ),
        postgresql_partition_by="RANGE (collected_date)",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tablespace_size_stats",
        sa.Column(
            "instance_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("collected_date", sa.Date(), nullable=False),
        sa.Column("tablespace_name", sa.Text(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("maximum_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "instance_id",
            "collected_date",
            "tablespace_name",
            name=op.f("pk_tablespace_size_stats"),
        ),
        postgresql_partition_by="RANGE (collected_date)",
        sqlite_with_rowid=False,
    )
    # The one row: nothing was pruned yet.
    op.bulk_insert(horizon, [{"id": 1, "pruned_before": date.min}])
    op.create_table(
        "instance_databases",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_instance_databases_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_databases")),
        sa.UniqueConstraint(
            "instance_id",
            "database_name",
            name=op.f("uq_instance_databases_instance_id_database_name"),
        ),
    )
    op.create_table(
        "instance_size_aggregations",
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("period_type", sa.String(length=16), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("data_count", sa.Integer(), nullable=False),
        sa.Column("expected_count", sa.Integer(), nullable=False),
        sa.Column("trend", sa.String(length=16), nullable=True),
        sa.Column("calculated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_avg_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_min_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_first_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_last_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_change_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_change_percent", sa.Float(), nullable=True),
        sa.Column("total_growth_rate", sa.Float(), nullable=True),
        sa.Column("data_avg_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_min_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_first_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_last_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_change_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_change_percent", sa.Float(), nullable=True),
        sa.Column("data_growth_rate", sa.Float(), nullable=True),
        sa.Column("log_avg_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_min_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_first_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_last_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_change_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_change_percent", sa.Float(), nullable=True),
        sa.Column("log_growth_rate", sa.Float(), nullable=True),
        sa.Column("database_count", sa.Integer(), nullable=True),
        sa.Column("database_count_change", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["instances.id"],
            name=op.f("fk_instance_size_aggregations_instance_id"),
        ),
        sa.PrimaryKeyConstraint(
            "instance_id", "period_type", "period_start", name=op.f("pk_instance_size_aggregations")
        ),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("instance_size_aggregations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_instance_size_aggregations_period_type_period_start"),
            ["period_type", "period_start"],
            unique=False,
        )

    op.create_table(
        "size_limits",
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("database_name", sa.String(length=255), nullable=False),
        sa.Column("limit_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_size_limits_instance_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", "database_name", name=op.f("pk_size_limits")),
    )
    op.create_table(
        "database_size_aggregations",
        sa.Column(
            "instance_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("period_type", sa.String(length=16), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column(
            "database_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("data_count", sa.Integer(), nullable=False),
        sa.Column("expected_count", sa.Integer(), nullable=False),
        sa.Column("trend", sa.String(length=16), nullable=True),
        sa.Column("calculated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_avg_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_min_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_first_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_last_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_change_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_change_percent", sa.Float(), nullable=True),
        sa.Column("total_growth_rate", sa.Float(), nullable=True),
        sa.Column("data_avg_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_min_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_first_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_last_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_change_bytes", sa.BigInteger(), nullable=True),
        sa.Column("data_change_percent", sa.Float(), nullable=True),
        sa.Column("data_growth_rate", sa.Float(), nullable=True),
        sa.Column("log_avg_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_min_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_first_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_last_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_change_bytes", sa.BigInteger(), nullable=True),
        sa.Column("log_change_percent", sa.Float(), nullable=True),
        sa.Column("log_growth_rate", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["database_id"],
            ["instance_databases.id"],
            name=op.f("fk_database_size_aggregations_database_id"),
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["instances.id"],
            name=op.f("fk_database_size_aggregations_instance_id"),
        ),
        sa.PrimaryKeyConstraint(
            "instance_id",
            "period_type",
            "period_start",
            "database_id",
            name=op.f("pk_database_size_aggregations"),
        ),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("database_size_aggregations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_database_size_aggregations_period_type_period_start"),
            ["period_type", "period_start"],
            unique=False,
        )


def downgrade() -> None:
    """Take this revision back."""
    with op.batch_alter_table("database_size_aggregations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_database_size_aggregations_period_type_period_start"))

    op.drop_table("database_size_aggregations")
    op.drop_table("size_limits")
    with op.batch_alter_table("instance_size_aggregations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_instance_size_aggregations_period_type_period_start"))

    op.drop_table("instance_size_aggregations")
    op.drop_table("instance_databases")
    op.drop_table("tablespace_size_stats")
    op.drop_table("table_size_stats")
    op.drop_table("size_horizon")
    op.drop_table("instance_size_stats")
    op.drop_table("database_size_stats")
