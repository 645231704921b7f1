"""What the console read of some topics, kept until something of these is written."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sync_pipeline.store.database import Database
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.remembered import MOST_ROWS, rows_of
from sync_pipeline.store.topics import Marks, Topic, marks_now, of_parts, part_of

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class _Held:
    """A value, the marks by which it holds, and how much room it takes."""

    state: Hashable
    value: Any
    rows: int


class RememberedByTopic:
    """Values that depend on some topics, and on the registry, alone (`store/topics.py`)."""

    def __init__(self, database: Database, topics: Sequence[Topic], most: int = MOST_ROWS) -> None:
        self._database = database
        self._topics = tuple(topics)
        self._kept: Kept[Hashable, _Held] = Kept(most, lambda held: held.rows)

    def of(self, key: Hashable, made: Callable[[], ValueT]) -> ValueT:
        """Return the value of a key; in a process that does not only read it is made each time."""
        remembered = self._database.remembered
        if remembered is None:
            return made()
        state = self._state(remembered.of("topic marks", self._marks))
        return remembered.of((self._topics, key), lambda: self._of(state, key, made))

    def of_instance(
        self,
        instance_id: int,
        key: Hashable,
        made: Callable[[], ValueT],
        rows: Callable[[ValueT], int],
    ) -> ValueT:
        """Return the value of a key that depends on these topics of the part of one instance.

        What is written of other parts takes it not away. `rows` is how much room it takes.
        """
        remembered = self._database.remembered
        if remembered is None:
            return made()
        state = self._state(remembered.of("topic marks", self._marks))
        own = tuple(marks[part_of(instance_id)] for marks in state)
        return self._of(own, (instance_id, key), made, rows)

    def _of(
        self,
        state: Hashable,
        key: Hashable,
        made: Callable[[], ValueT],
        rows: Callable[[ValueT], int] = rows_of,
    ) -> ValueT:
        held = self._kept.get(key)
        if held is not None and held.state == state:
            known: ValueT = held.value
            return known
        # It may be newer than these marks, which never come again, and is not older.
        value = made()
        self._kept.put(key, _Held(state, value, rows(value)))
        return value

    def _marks(self) -> Marks:
        with self._database.read_once() as connection:
            return marks_now(connection)

    def _state(self, found: Marks) -> tuple[tuple[int | None, ...], ...]:
        return tuple(of_parts(found, topic) for topic in (Topic.REGISTRY, *self._topics))
