"""Which grants of a world a question about one object, or one account, has to be given. Pure.

A question about a table needs no grant on another table. What is granted on the server, a
database, a schema, a role and so on may count for what lies in it, and is always needed; of each
schema one object more, because its grants tell that the schema is there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.model.inventory import Wanted
from sync_pipeline.model.privilege import Securable, SecurableKind

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


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Which grants on one object may count for another: of these kinds, or privileges."""

    kinds: frozenset[SecurableKind] = frozenset()
    privileges: frozenset[str] = frozenset()


class Named:
    """What a text `[KIND:]PATH` may name on instances of one engine."""

    def __init__(self, text: str, elsewhere: Elsewhere) -> None:
        self._apart = APART - elsewhere.kinds
        self._privileges = elsewhere.privileges
        *_, before, last = ("", "", *_folded(text))
        self._last, self._before = last, before
        self._schemas: set[tuple[str, str, str]] = set()

    @property
    def wanted(self) -> Wanted:
        """Return which grants of the next instance a question about it needs."""
        self._schemas.clear()
        return Wanted(self._is_needed, lambda _: False, self._privileges.__contains__)

    def _is_needed(self, on: Securable) -> bool:
        return on.kind not in self._apart or self._is_first(on) or self._is_named(on)

    def _is_first(self, on: Securable) -> bool:
        schema = (on.catalog, on.database, on.schema)
        if schema in self._schemas:
            return False
        self._schemas.add(schema)
        return True

    def _is_named(self, on: Securable) -> bool:
        name = on.name.casefold()
        return (
            name in (self._last, self._before)
            or (name.endswith(")") and name.startswith(f"{self._last}("))
            or self._last == on.column.casefold() != ""
        )


def _folded(text: str) -> Collection[str]:
    """Return the parts of a path without their case; none where it can't be read."""
    try:
        return [part.casefold() for part in split_kind(text.strip())[1]]
    except ValueError:
        return ()
