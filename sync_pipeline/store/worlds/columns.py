"""Columns of numbers and values, and the objects that are made of them without a call for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, repeat
from typing import Any, TypeVar

from sync_pipeline.store.worlds.packed import WorldError

ItemT = TypeVar("ItemT")


def taken(items: Sequence[ItemT], wanted: Iterable[int]) -> list[ItemT]:
    """Return the items at these places, of which none is below zero."""
    return list(map(items.__getitem__, wanted))


def picked(items: Sequence[ItemT], wanted: Sequence[int]) -> list[ItemT]:
    """Return the items at places that were not looked at yet.

    Raises:
        WorldError: one is below zero, where Python would count from the end.
    """
    if min(wanted, default=0) < 0:
        raise WorldError("a number is below zero")
    return taken(items, wanted)


def cut(items: Iterable[ItemT], counts: Sequence[int]) -> list[tuple[ItemT, ...]]:
    """Return so many of the items, one after the other, for each count.

    Raises:
        WorldError: there are more or fewer.
    """
    row = tuple(items)
    ends = list(accumulate(counts))
    if min(counts, default=0) < 0 or (ends[-1] if ends else 0) != len(row):
        raise WorldError("the numbers of items do not fit")
    return [row[end - count : end] for count, end in zip(counts, ends, strict=True)]


def made_of(made_as: type[ItemT], count: int, columns: Mapping[str, Sequence[Any]]) -> list[ItemT]:
    """Return so many objects of a frozen class, from a column of values for each of its fields.

    Their `__init__` sets one field after the other by a call from Python: that is three times
    the time, and reading a large world is mostly this.

    Raises:
        WorldError: a column has another number of values.
    """
    if any(len(values) != count for values in columns.values()):
        raise WorldError("the columns are not of one length")
    made = list(map(made_as.__new__, repeat(made_as, count)))
    for name, values in columns.items():
        deque(map(getattr(made_as, name).__set__, made, values), maxlen=0)
    return made
