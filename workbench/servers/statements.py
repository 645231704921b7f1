"""The statements that a store sends, whatever sends them, and how they would be carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from sync_pipeline.store.store import Store


@contextmanager
def forgetting(store: Store) -> Iterator[None]:
    """Let a store that was opened to read remember nothing in the block, so that it is asked."""
    database = store._database
    kept, database.remembered = database.remembered, None
    try:
        yield
    finally:
        database.remembered = kept


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """Yield the statements sent in the block, without those that frame a transaction."""
    sent: list[str] = []
    engine = store._database.engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with forgetting(store):
            yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def planned(store: Store) -> Iterator[list[str]]:
    """Yield the plan of each SELECT, INSERT and DELETE of the block, as one text.

    PostgreSQL reads tables of a few rows whole unless it is told not to: it is, so that what is
    read whole in the plan has no index to be found by.
    """
    plans: list[str] = []
    engine = store._database.engine
    is_sqlite = engine.dialect.name == "sqlite"
    word = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN (COSTS OFF)"

    def note(connection: Any, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith(("SELECT", "INSERT", "DELETE", "WITH")):
            return
        cursor = connection.connection.cursor()
        if not is_sqlite:
            cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"{word} {statement}", parameters)
        plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        cursor.close()

    event.listen(engine, "before_cursor_execute", note)
    try:
        with forgetting(store):
            yield plans
    finally:
        event.remove(engine, "before_cursor_execute", note)
