"""What the console read of some topics, kept until something of these is written."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from sync_pipeline.store.database import Database
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.remembered import MOST_ROWS, rows_of
from sync_pipeline.store.topics import Marks, Topic, marks_now, of_parts, of_registry

ValueT = TypeVar("ValueT")


class RememberedByTopic:
    """Values that depend on some topics, and on the registry, alone (`store/topics.py`)."""

    def __init__(self, database: Database, topics: Sequence[Topic], most: int = MOST_ROWS) -> None:
        self._database = database
        self._topics = tuple(topics)
        self._kept: Kept[Hashable, tuple[Hashable, Any]] = Kept(most, lambda held: rows_of(held[1]))

    def of(self, key: Hashable, made: Callable[[], ValueT]) -> ValueT:
        """Return the value of a key; in a process that does not only read it is made each time."""
        remembered = self._database.remembered
        if remembered is None:
            return made()
        state = self._state(remembered.of("topic marks", self._marks))
        return remembered.of((self._topics, key), lambda: self._of(state, key, made))

    def _of(self, state: Hashable, key: Hashable, made: Callable[[], ValueT]) -> ValueT:
        held = self._kept.get(key)
        if held is not None and held[0] == state:
            known: ValueT = held[1]
            return known
        # It may be newer than these marks, which never come again, and is not older.
        value = made()
        self._kept.put(key, (state, value))
        return value

    def _marks(self) -> Marks:
        with self._database.read_once() as connection:
            return marks_now(connection)

    def _state(self, found: Marks) -> Hashable:
        return of_registry(found), *(of_parts(found, topic) for topic in self._topics)
