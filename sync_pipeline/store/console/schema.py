"""The table of the console's tokens, and the indexes by which accounts of a fleet are found."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, text

from sync_pipeline.store.schema import (
    Json,
    UtcDateTime,
    account_permissions,
    instance_accounts,
    metadata,
)
from sync_pipeline.store.sizes.schema import instance_databases

console_tokens = Table(
    "console_tokens",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("role", String(16), nullable=False),
    # None: every instance.
    Column("tags", Json),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("cookie_digest", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    # A removed one stays: a store that ever had a token lets nobody in without one.
    Column("removed_at", UtcDateTime),
)

# Finds accounts of the whole fleet by the beginning of their name, in the order of the pages. By
# code points on either store: on PostgreSQL the migration makes it with COLLATE "C".
accounts_by_name = Index(
    "ix_instance_accounts_by_name",
    instance_accounts.c.account_name,
    instance_accounts.c.instance_id,
)


def _seldom(column: str) -> Index:
    """Return the index of the accounts of which a column is true, as a query says it."""
    return Index(
        f"ix_account_permissions_{column}",
        account_permissions.c.account_id,
        sqlite_where=text(f"{column} IS 1"),
        postgresql_where=text(f"{column} IS true"),
    )


superusers, locked_accounts = _seldom("is_superuser"), _seldom("is_locked")

# Finds the accounts that changed in a time; where they are few, they are sorted by name then.
changed_accounts = Index(
    "ix_account_permissions_last_change_at", account_permissions.c.last_change_at
)

# Completes the names of databases; as for accounts, by code points.
databases_by_name = Index("ix_instance_databases_database_name", instance_databases.c.database_name)
