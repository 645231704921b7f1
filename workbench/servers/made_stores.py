"""Makes the tables of an empty store as those of the first one were made.

Alembic works for a tenth of a second of CPU until a store has its tables, and says the same to
each empty one. So the migrations run once in a process of tests, for each of the two databases.
Other stores in SQLite are a copy of what the first one was then, page by page; to those in
PostgreSQL the same statements are said again, and nothing else. A store that has tables is
upgraded by Alembic, and so is each in a test that asks for `real_migrations`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from sync_pipeline.store import upgrades

Statement = tuple[str, Any]
Upgrade = Callable[[Engine, str | None, str], None]


class Pages:
    """What an empty store in SQLite is, of each newest revision."""

    def __init__(self, upgrade: Upgrade) -> None:
        self._upgrade = upgrade
        self._made: dict[str, sqlite3.Connection] = {}
        self._turn = threading.Lock()

    def make(self, engine: Engine, newest: str) -> None:
        """Make the tables of a store that has none."""
        with self._turn, engine.connect() as connection:
            store: Any = connection.connection.dbapi_connection
            if newest in self._made:
                self._made[newest].backup(store)
                return
            self._upgrade(engine, None, newest)
            # Kept as long as the process: any of its threads may be the next to make a store.
            made = sqlite3.connect(":memory:", check_same_thread=False)
            store.backup(made)
            self._made[newest] = made


class Recorded:
    """What the migrations made, by the kind of database and the newest revision."""

    def __init__(self, upgrade: Upgrade) -> None:
        self._upgrade = upgrade
        self._pages = Pages(upgrade)
        self._said: dict[str, list[Statement]] = {}

    def __call__(self, engine: Engine, revision: str | None, newest: str) -> None:
        """Stand in for `upgrade_tables`."""
        if revision is not None:
            self._upgrade(engine, revision, newest)
        elif engine.dialect.name == "sqlite":
            self._pages.make(engine, newest)
        elif newest in self._said:
            with engine.begin() as connection:
                connection.execute(select(1))  # the transaction begins as the store has it begun
                cursor = connection.connection.cursor()
                for statement in self._said[newest]:
                    cursor.execute(*statement)
        else:
            with _written(engine) as statements:
                self._upgrade(engine, revision, newest)
            self._said[newest] = _joined(statements)


def _joined(statements: list[Statement]) -> list[Statement]:
    """Return the same in fewer messages to a server: one for all that have no parameters."""
    found: list[Statement] = []
    for text, parameters in statements:
        if found and not parameters and not found[-1][1]:
            found[-1] = f"{found[-1][0]};\n{text}", parameters
        else:
            found.append((text, parameters))
    return found


@contextmanager
def _written(engine: Engine) -> Iterator[list[Statement]]:
    """Collect what is written within the block."""
    found: list[Statement] = []

    def note(_: Any, __: Any, text: str, parameters: Any, *___: Any) -> None:
        if not text.lstrip().upper().startswith("SELECT"):
            found.append((text, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


REAL = upgrades.upgrade_tables
upgrades.upgrade_tables = Recorded(REAL)


def undo(patch: pytest.MonkeyPatch) -> None:
    """Let Alembic make the tables of every store."""
    patch.setattr(upgrades, "upgrade_tables", REAL)
