"""Which grants of a world a question about one object, or one account, has to be given. Pure.

A question about a table needs no grant on another table. What is granted on the server, a
database, a schema, a role and so on may count for what lies in it, and is always needed; of each
schema one object more, because its grants tell that the schema is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_, or_

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.model.inventory import SecurableColumns, Wanted, no_holder, no_securable
from sync_pipeline.model.privilege import SecurableKind

K = SecurableKind
APART = frozenset(
    {
        *(K.TABLE, K.VIEW, K.MATERIALIZED_VIEW, K.FOREIGN_TABLE, K.PARTITIONED_TABLE),
        *(K.PROPERTY_GRAPH, K.RELATION, K.SEQUENCE, K.COLUMN, K.TYPE, K.LARGE_OBJECT),
        *(K.FUNCTION, K.PROCEDURE, K.AGGREGATE, K.ROUTINE, K.PACKAGE, K.PACKAGE_BODY),
        *(K.LIBRARY, K.SYNONYM, K.QUEUE, K.XML_SCHEMA_COLLECTION),
    }
)
"""Kinds of which there are many, and of which one is mostly nothing to another."""
_END = "\0"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Which grants on one object may count for another: of these kinds, or privileges."""

    kinds: frozenset[SecurableKind] = frozenset()
    privileges: frozenset[str] = frozenset()


class Named:
    """What a text `[KIND:]PATH` may name on instances of one engine."""

    def __init__(self, text: str, elsewhere: Elsewhere) -> None:
        self._apart = APART - elsewhere.kinds
        *_, before, last = ("", "", *_folded(text))
        self._names, self._column, self._routine = (last, before), last, f"{last}("
        self._sought = *(f"{_END}{name}{_END}" for name in self._names), f"{_END}{self._routine}"
        # One wanted for all: it is asked of each instance, and keeps nothing of it.
        self.wanted = Wanted(
            no_securable, no_holder, elsewhere.privileges.__contains__, self._needed
        )
        """Which grants of an instance a question about it needs."""

    def _needed(self, on: SecurableColumns) -> Sequence[int]:
        """Return which securables may count: what holds others, the named, and one a schema."""
        is_apart = {number: kind in self._apart for number, kind in on.kinds.items()}
        apart = list(map(is_apart.__getitem__, on.kind))
        needed = bytearray(map(not_, apart))
        # The last of those that are written under one key stays: the first of each schema.
        places = list(compress(range(len(on)), apart))[::-1]
        schemas = zip(on.catalog, on.database, on.schema, strict=True)
        of_places = list(compress(schemas, apart))[::-1]
        for place in dict(zip(of_places, places, strict=True)).values():
            needed[place] = True
        names = set(self._numbers(on.texts))
        columns = {number for number in names if on.texts[number].casefold() == self._column != ""}
        for numbers, column in ((names, on.name), (columns, on.column)):
            if numbers:
                needed = bytearray(map(or_, needed, map(numbers.__contains__, column)))
        return needed

    def _numbers(self, texts: Sequence[str]) -> Iterator[int]:
        """Yield the numbers of the texts that are names of what is meant.

        They are looked for in all texts at once: most instances have hundreds, and few of them.
        """
        joined = _END.join(("", *texts, "")).casefold()
        is_plain = joined.count(_END) == len(texts) + 1
        for number in _places(joined, self._sought) if is_plain else range(len(texts)):
            if self._is_name(texts[number].casefold()):
                yield number

    def _is_name(self, text: str) -> bool:
        is_routine = text.endswith(")") and text.startswith(self._routine)
        return text in self._names or is_routine


def _places(joined: str, sought: Iterable[str]) -> Iterator[int]:
    """Yield behind how many ends of others each of some texts is found."""
    for text in sought:
        number, begin, at = 0, 0, joined.find(text)
        while at >= 0:
            number += joined.count(_END, begin, at)
            yield number
            begin, at = at, joined.find(text, at + 1)


def _folded(text: str) -> Collection[str]:
    """Return the parts of a path without their case; none where it can't be read."""
    try:
        return [part.casefold() for part in split_kind(text.strip())[1]]
    except ValueError:
        return ()
