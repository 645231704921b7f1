"""What a person means by `[KIND:][PDB.]schema[.object[.column]]`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.engines.oracle.access.names import SYS
from sync_pipeline.engines.oracle.access.objects import KnownObjects
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.privilege import Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

_SERVER = "SERVER"
_KINDS = {str(kind): kind for kind in Kind}
_OBJECT_PARTS = 2
_COLUMN_PARTS = 3

# Kinds that are not written as SCHEMA.NAME.
_NOT_IN_SCHEMA = frozenset({Kind.SERVER, Kind.SCHEMA, Kind.COLUMN, Kind.DIRECTORY, Kind.TABLESPACE})

# What an object may be that no grant names, likeliest first.
_GUESSES = (
    Kind.TABLE,
    Kind.VIEW,
    Kind.MATERIALIZED_VIEW,
    Kind.SEQUENCE,
    Kind.PROCEDURE,
    Kind.FUNCTION,
    Kind.PACKAGE,
    Kind.TYPE,
)
_HINT = (
    "Write [KIND:][PDB.]SCHEMA[.OBJECT[.COLUMN]], DIRECTORY:NAME, TABLESPACE:NAME, or server, "
    "with names as the catalog has them."
)


class _Likely(IntEnum):
    """How sure it is that a securable is what was meant."""

    KNOWN = 0
    IN_KNOWN_SCHEMA = 1
    REACHED_BY_ANY = 2


@dataclass(frozen=True, slots=True)
class _Question:
    kind: Kind | None
    parts: tuple[str, ...]
    is_quoted: bool

    def stored(self, name: str) -> str:
        """Return an unknown name as the catalog would have it."""
        return name if self.is_quoted else name.upper()


_Meant = Iterator[tuple[_Likely, Securable]]


class SecurableReader:
    """Reads what people write, with what one world knows to exist."""

    def __init__(self, known: KnownObjects) -> None:
        self._known = known

    def read(self, text: str) -> tuple[Securable, ...]:
        """Return what a text may mean, likeliest first.

        A name that is not known as written is tried in upper case, as Oracle reads a name
        without quotes. Guesses are left out where a grant names what was written, in the same
        container: another one whose schema is known may have it without any grant.

        Raises:
            ConfigurationError: the text can't be read, or names nothing that is known.
        """
        asked = _question(text)
        found: dict[Securable, _Likely] = {}
        for container, parts in self._places(asked.parts):
            for likely, securable in self._meant(container, parts, asked):
                found[securable] = min(likely, found.get(securable, likely))
        if not found:
            raise ConfigurationError(
                f"{text!r} names nothing that the last sync of this instance knows.", hint=_HINT
            )
        best: dict[str, _Likely] = {}
        for item, likely in found.items():
            best[item.catalog] = min(likely, best.get(item.catalog, likely))
        worst = max(min(best.values()), _Likely.IN_KNOWN_SCHEMA)
        return tuple(
            item
            for item, likely in found.items()
            if likely is best[item.catalog] and likely <= worst
        )

    def _places(self, parts: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each container that a text may mean, with what is left of the path."""
        pluggable = self._known.containers[1:]
        for name in _as_written_or_upper(parts[0]) if parts else ():
            if name in pluggable:
                yield name, parts[1:]
        for container in self._known.containers:
            yield container, parts

    def _meant(self, container: str, parts: tuple[str, ...], asked: _Question) -> _Meant:
        if _is_server(parts, asked.kind):
            yield _Likely.KNOWN, Securable(Kind.SERVER, container, catalog=container)
        elif len(parts) == 1:
            yield from self._one_part(container, parts[0], asked)
        elif len(parts) == _OBJECT_PARTS and asked.kind not in _NOT_IN_SCHEMA:
            yield from self._object(container, parts, asked)
        elif len(parts) == _COLUMN_PARTS and asked.kind in {None, Kind.COLUMN}:
            yield from self._column(container, parts, asked)

    def _one_part(self, container: str, part: str, asked: _Question) -> _Meant:
        for name in _as_written_or_upper(part):
            known = list(self._known.named(container, name))
            if self._known.has_schema(container, name):
                known.insert(0, Securable(Kind.SCHEMA, container, name, catalog=container))
            fitting = [item for item in known if asked.kind in {None, item.kind}]
            yield from ((_Likely.KNOWN, item) for item in fitting)
            if fitting:
                return
        if asked.kind in {Kind.DIRECTORY, Kind.TABLESPACE}:
            schema = SYS if asked.kind is Kind.DIRECTORY else ""
            name = asked.stored(part)
            guess = Securable(asked.kind, container, schema, name, catalog=container)
            yield _Likely.REACHED_BY_ANY, guess

    def _object(self, container: str, parts: tuple[str, ...], asked: _Question) -> _Meant:
        likely, schemas = self._schemas(container, parts[0])
        for schema in schemas:
            for name in _as_written_or_upper(parts[1]):
                known = self._known.objects(container, schema, name)
                fitting = [item for item in known if asked.kind in {None, item.kind}]
                if known and not fitting and asked.kind:
                    fitting = [_named(container, asked.kind, schema, name)]
                yield from ((_Likely.KNOWN, item) for item in fitting)
                if known:
                    return
        for schema in schemas[:1]:
            for kind in (asked.kind,) if asked.kind else _GUESSES:
                yield likely, _named(container, kind, schema, asked.stored(parts[1]))

    def _column(self, container: str, parts: tuple[str, ...], asked: _Question) -> _Meant:
        likely, schemas = self._schemas(container, parts[0])
        for schema in schemas:
            for table in _as_written_or_upper(parts[1]):
                for name in _as_written_or_upper(parts[2]):
                    if column := self._known.column(container, schema, table, name):
                        yield _Likely.KNOWN, column
                        return
                if self._known.objects(container, schema, table):
                    column = _column_of(container, schema, table, asked.stored(parts[2]))
                    yield _Likely.KNOWN, column
                    return
        for schema in schemas[:1]:
            table, name = asked.stored(parts[1]), asked.stored(parts[2])
            yield likely, _column_of(container, schema, table, name)

    def _schemas(self, container: str, part: str) -> tuple[_Likely, tuple[str, ...]]:
        """Return the schemas that a name may mean; any, where ANY privileges reach it."""
        names = _as_written_or_upper(part)
        known = tuple(name for name in names if self._known.has_schema(container, name))
        if known:
            return _Likely.IN_KNOWN_SCHEMA, known
        reached = self._known.is_reached_by_any(container)
        return _Likely.REACHED_BY_ANY, names[-1:] if reached else ()


def _question(text: str) -> _Question:
    try:
        word, parts = split_kind(text.strip())
    except ValueError as error:
        raise ConfigurationError(f"The object can't be read: {error}.", hint=_HINT) from error
    kind = _KINDS.get(" ".join(word.replace("_", " ").lower().split()))
    if word and kind is None:
        raise ConfigurationError(f"{word!r} is no kind of object.", hint=_HINT)
    if not parts and kind is not Kind.SERVER:
        raise ConfigurationError("No object is named.", hint=_HINT)
    return _Question(kind, parts, '"' in text)


def _as_written_or_upper(name: str) -> tuple[str, ...]:
    return (name,) if name == name.upper() else (name, name.upper())


def _is_server(parts: tuple[str, ...], kind: Kind | None) -> bool:
    """Return whether `server`, `PDB.server`, or a container alone is meant."""
    names_it = not parts or (len(parts) == 1 and parts[0].upper() == _SERVER)
    return names_it and kind in {None, Kind.SERVER}


def _named(container: str, kind: Kind, schema: str, name: str) -> Securable:
    return Securable(kind, container, schema, name, catalog=container)


def _column_of(container: str, schema: str, table: str, name: str) -> Securable:
    return Securable(Kind.COLUMN, container, schema, table, name, container)
