"""What a backup asks of a store, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sync_pipeline.model.backup import Kept
from sync_pipeline.store.database import Database
from sync_pipeline.store.keeping.postgresql import PostgresqlKeeper
from sync_pipeline.store.keeping.sqlite import SqliteKeeper


class Keeper(Protocol):
    """Copies a store, and puts a copy in its place."""

    @property
    def kind(self) -> str:
        """Return the kind of store, as a manifest has it."""
        ...

    @property
    def file(self) -> str:
        """Return the name of its file in a backup."""
        ...

    def copy(self, target: Path) -> Kept:
        """Copy the store as it is at one moment, while others write; return what was copied.

        Raises:
            ConfigurationError: there is no store, or a program that is needed.
            StoreUnavailable: it can't be read.
            StoreDamaged: what was copied is not whole.
        """
        ...

    def verify(self, copy: Path) -> Kept:
        """Return what a copy is, which this may change to the form that `replace` needs.

        Raises:
            StoreDamaged: it is not whole.
            ConfigurationError: a newer version made it, or a program is missing.
        """
        ...

    def is_empty(self) -> bool:
        """Return whether the store is not there, or holds nothing that anybody gave it.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        ...

    def replace(self, copy: Path) -> str:
        """Put a verified copy in the place of the store, whole or not at all.

        Return where the store is that was there before, for people; empty where it is gone.

        Raises:
            LeaseHeld: somebody uses the store.
            StoreUnavailable: it can't be written; it is as it was.
        """
        ...


def keeper_of(url: str) -> Keeper:
    """Return the keeper of a store by its URL.

    Raises:
        ConfigurationError: the URL is not one of a supported store.
    """
    database = Database(url)
    return SqliteKeeper(database) if database.is_sqlite else PostgresqlKeeper(database)
