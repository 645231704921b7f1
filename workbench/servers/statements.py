"""Counting the statements that a store sends, whatever sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from sync_pipeline.store.store import Store


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
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
