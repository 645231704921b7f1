"""Statements are compiled once in a process of tests, as in a process that keeps its store open.

SQLAlchemy keeps what it compiled by engine. Each store that a test opens, and each command, has an
engine of its own, and spent a fifth of its CPU on compiling what the one before had compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.util import LRUCache

MOST = 2000
_DIFFERS = (
    "server_version_info",
    "paramstyle",
    "default_schema_name",
    "max_identifier_length",
    "insertmanyvalues_page_size",
    "_backslash_escapes",
    "_json_serializer",
    "_json_deserializer",
)
"""What of a dialect depends on its server or on who made the engine, and is compiled in."""


class Compiled(MutableMapping[Any, Any]):
    """What was compiled, by the statement and by all of its dialect that counts.

    SQLAlchemy's key begins with the dialect, of which each engine has one.
    """

    def __init__(self) -> None:
        self._found: LRUCache[Any, Any] = LRUCache(MOST)

    def __getitem__(self, key: Any) -> Any:
        return self._found[_alike(key)]

    def get(self, key: Any, default: Any = None) -> Any:
        return self._found.get(_alike(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        self._found[_alike(key)] = compiled

    def __delitem__(self, key: Any) -> None:
        del self._found[_alike(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _alike(key: Any) -> Any:
    dialect: Dialect = key[0]
    return (type(dialect), *(getattr(dialect, name, None) for name in _DIFFERS), *key[1:])


def share(compiled: Compiled) -> None:
    """Have every connection of SQLAlchemy's keep there what it compiles."""

    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", use)


share(Compiled())
