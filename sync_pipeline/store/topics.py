"""What of the store was written last, by topic and part of the instances: a mark for each.

The mark of the whole store is another one after any sync. What is added up over a fleet is kept by
these: a sync that finds nothing new leaves them as they are, and another one changes that of one
part. They are written in the transaction that writes what they are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from os import urandom

from sqlalchemy import Connection, select

from sync_pipeline.store.database import upsert
from sync_pipeline.store.schema import topic_marks

PARTS = 128
"""Parts of a topic. Instances that come one after the other are in different ones: they are synced
at the same time, and on PostgreSQL who writes a mark waits for who wrote it before."""
_BYTES = 7
"""Of a mark: with eight it could be more than a column takes."""


class Topic(StrEnum):
    """What is written."""

    FINDINGS = "findings"
    """The numbers of findings of an instance, and between which moments they hold."""
    SIZES = "sizes"
    """The daily sizes of an instance."""
    PERIODS = "periods"
    """The aggregations of an instance, and its limits."""
    REGISTRY = "registry"
    """Which instances there are, and what people say of them."""


Marks = Mapping[tuple[str, int], int]
_COLUMNS = topic_marks.c.topic, topic_marks.c.part, topic_marks.c.mark


def part_of(instance_id: int) -> int:
    """Return the part in which an instance is."""
    return instance_id % PARTS


def ids_of(parts: Iterable[int], last: int) -> list[int]:
    """Return the ids that instances of some parts may have, up to a last one."""
    return [number for part in parts for number in range(part, last + 1, PARTS)]


def note(connection: Connection, topic: Topic, instance_ids: Iterable[int]) -> None:
    """Note that something of instances was written: one statement.

    It is the last of these writes in a transaction, so that two that write of several instances
    never wait for each other.
    """
    _note(connection, topic, {part_of(item) for item in instance_ids})


def note_everywhere(connection: Connection, topic: Topic) -> None:
    """Note that something was written of whatever instances."""
    _note(connection, topic, range(PARTS))


def note_registry(connection: Connection, instance_ids: Iterable[int] | None = None) -> None:
    """Note that the registry was written, of some instances or, by None, of whichever."""
    if instance_ids is None:
        note_everywhere(connection, Topic.REGISTRY)
    else:
        note(connection, Topic.REGISTRY, instance_ids)


def _note(connection: Connection, topic: Topic, parts: Iterable[int]) -> None:
    rows = [
        {"topic": str(topic), "part": part, "mark": int.from_bytes(urandom(_BYTES))}
        for part in sorted(parts)
    ]
    upsert(connection, topic_marks, rows, ["topic", "part"], ["mark"])


def marks_now(connection: Connection) -> Marks:
    """Return all marks, as of the view of a transaction; a part that was never written has none."""
    return {(topic, part): mark for topic, part, mark in connection.execute(select(*_COLUMNS))}


def of_parts(found: Marks, topic: Topic) -> tuple[int | None, ...]:
    """Return the marks of a topic, by part."""
    return tuple(found.get((topic, part)) for part in range(PARTS))
