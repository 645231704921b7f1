"""Sums over a large fleet, kept by part of its instances: a write takes away one part of them.

What is kept of a part says by which marks (`store/topics.py`) it holds. These, and what holds no
more, are read in one view: a sum is of one state of the store, as if all had been read there. The
numbers are whole, so that one part can be taken out and another one put in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Generic, TypeVar

from sqlalchemy import Connection, func, select

from sync_pipeline.store.database import Database
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.schema import instances
from sync_pipeline.store.topics import Marks, Topic, ids_of, marks_now, of_parts

KeyT = TypeVar("KeyT", bound=Hashable)
Numbers = tuple[int, ...]
MOST_ROWS = 60_000
"""Of all questions together: some 200 bytes each."""
_IDS_A_ROW = 8


@dataclass(frozen=True, slots=True)
class Part(Generic[KeyT]):
    """What a part gives to a question: numbers by key, and how many of its instances are meant.

    `left` are the ids of those of them that have no numbers, and `others` of those that have some
    and are not meant, or whose numbers do not hold.
    """

    rows: Mapping[KeyT, Numbers]
    total: int = 0
    left: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sums(Generic[KeyT]):
    """All parts of a question, each with the marks by which it holds, and their sum by key."""

    marks: Mapping[int, Hashable]
    parts: Mapping[int, Part[KeyT]]
    rows: Mapping[KeyT, Numbers]

    @property
    def weight(self) -> int:
        """Return how many rows it takes."""
        ids = sum(len(part.left) + len(part.others) for part in self.parts.values())
        return 1 + ids // _IDS_A_ROW + sum(1 + len(part.rows) for part in self.parts.values())

    def with_parts(
        self, fresh: Mapping[int, Part[KeyT]], marks: Mapping[int, Hashable]
    ) -> Sums[KeyT]:
        """Return the sum with some parts in the place of those of before."""
        rows = dict(self.rows)
        for number, part in fresh.items():
            before = self.parts.get(number)
            if before is not None:
                _put(rows, before.rows, sub)
            _put(rows, part.rows, add)
        return Sums(marks, {**self.parts, **fresh}, rows)


def _put(
    rows: dict[KeyT, Numbers], more: Mapping[KeyT, Numbers], done: Callable[[int, int], int]
) -> None:
    for key, numbers in more.items():
        known = rows.get(key)
        found = numbers if known is None else tuple(map(done, known, numbers))
        if any(found):
            rows[key] = found
        else:
            rows.pop(key, None)


class KeptSums(Generic[KeyT]):
    """Sums of one topic by question, in a process that only reads."""

    def __init__(self, database: Database, topic: Topic, most: int = MOST_ROWS) -> None:
        self._database = database
        self._topic = topic
        self._kept: Kept[Hashable, Sums[KeyT]] = Kept(most, lambda found: found.weight)

    def of(
        self,
        question: Hashable,
        read: Callable[[Connection, Sequence[int]], Mapping[int, Part[KeyT]]],
    ) -> Sums[KeyT]:
        """Return the sums of a question as they are now; parts that hold no more are read."""
        known: Sums[KeyT] = self._kept.get(question) or Sums({}, {}, {})
        with self._database.read() as connection:
            found = self._marks(connection)
            own = zip(*(of_parts(found, of) for of in (self._topic, Topic.REGISTRY)), strict=True)
            now = dict(enumerate(own))
            stale = [number for number, mark in now.items() if known.marks.get(number) != mark]
            if not stale:
                return known
            fresh = read(connection, stale)
        known = known.with_parts(fresh, now)
        self._kept.put(question, known)
        return known

    def _marks(self, connection: Connection) -> Marks:
        """Return the marks of this view; of one that has a mark of its own they are read once."""
        remembered = self._database.remembered
        if remembered is None or not self._database.is_in_view:
            return marks_now(connection)
        return remembered.of("topic marks", lambda: marks_now(connection))


def ids_in(connection: Connection, parts: Iterable[int]) -> list[int]:
    """Return the ids that instances of some parts may have."""
    last = connection.scalar(select(func.max(instances.c.id))) or 0
    return ids_of(parts, last)
