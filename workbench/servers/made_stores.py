"""Makes the tables of an empty store by the statements that made those of the first one.

Alembic works for a tenth of a second of CPU until a store has its tables, and says the same to
each empty one. So the migrations run once in a process of tests, for each of the two databases;
what was said then is said again to the other stores, and nothing else. A store that has tables
is upgraded by Alembic, and so is each in a test that asks for `real_migrations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from sync_pipeline.store import upgrades

Statement = tuple[str, Any]
Upgrade = Callable[[Engine, str | None], None]


class Recorded:
    """The statements of the migrations, by the kind of database and the newest revision."""

    def __init__(self, upgrade: Upgrade) -> None:
        self._upgrade = upgrade
        self._made: dict[tuple[str, str], list[Statement]] = {}

    def __call__(self, engine: Engine, revision: str | None, newest: str) -> None:
        """Stand in for `upgrade_tables`."""
        key = engine.dialect.name, newest
        if revision is not None:
            self._upgrade(engine, revision, newest)
        elif key in self._made:
            with engine.begin() as connection:
                connection.execute(select(1))  # the transaction begins as the store has it begun
                cursor = connection.connection.cursor()
                for statement in self._made[key]:
                    cursor.execute(*statement)
        else:
            with _written(engine) as statements:
                self._upgrade(engine, revision, newest)
            self._made[key] = statements if engine.dialect.name == "sqlite" else _joined(statements)


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
        if not text.lstrip().upper().startswith(("SELECT", "PRAGMA")):
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
