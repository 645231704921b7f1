"""The keeper of a store by its URL."""

from __future__ import annotations

from sync_pipeline.model.backup import Keeper
from sync_pipeline.store.database import Database
from sync_pipeline.store.keeping.postgresql import PostgresqlKeeper
from sync_pipeline.store.keeping.sqlite import SqliteKeeper


def keeper_of(url: str) -> Keeper:
    """Return the keeper of a store by its URL.

    Raises:
        ConfigurationError: the URL is not one of a supported store.
    """
    database = Database(url)
    return SqliteKeeper(database) if database.is_sqlite else PostgresqlKeeper(database)
