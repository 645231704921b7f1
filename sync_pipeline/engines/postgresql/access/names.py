"""Which object of a PostgreSQL server a person means. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.engines.postgresql.access.kinds import RELATIONS, ROUTINES
from sync_pipeline.engines.postgresql.access.targets import split_routine
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable, SecurableKind

K = SecurableKind
FORM = "[KIND:]database[.schema[.object[.column]]]"
_HINT = f"Write {FORM}, a part that holds a dot in double quotes; letter case counts."
_LIKELY_FIRST = (
    *(K.DATABASE, K.SCHEMA, *RELATIONS, K.SEQUENCE, K.PROPERTY_GRAPH, K.RELATION),
    *(*ROUTINES, K.TYPE, K.COLUMN),
    *(K.FOREIGN_SERVER, K.FOREIGN_DATA_WRAPPER, K.LANGUAGE, K.LARGE_OBJECT),
    *(K.TABLESPACE, K.PARAMETER, K.SERVER, K.PRINCIPAL, K.DEFAULT_PRIVILEGE),
)
_ALIASES = {"role": K.PRINCIPAL, "user": K.PRINCIPAL, "matview": K.MATERIALIZED_VIEW}
Parts = tuple[str, ...]


class Names:
    """Finds objects by their names, with or without the database in front."""

    def __init__(self, world: AccessWorld, securables: Iterable[Securable]) -> None:
        self._world = world
        self._full: dict[Parts, list[Securable]] = defaultdict(list)
        self._bare: dict[Parts, list[Securable]] = defaultdict(list)
        for securable in (*securables, Securable(K.SERVER)):
            for parts in _spellings(securable):
                self._full[parts].append(securable)
                if securable.catalog:
                    self._bare[parts[1:]].append(securable)

    def find(self, text: str) -> Sequence[Securable]:
        """Return what the text means, all kinds that fit, most likely first.

        A path that begins with a database is preferred; one without is taken where one
        database alone has such an object, and a routine's name without its arguments
        where there is one such routine. A column need not be known: every column of a
        table that is known can be asked about, granted on or not.

        Raises:
            ConfigurationError: unreadable, unknown, or one of several.
        """
        kind, parts = _parsed(text)
        for names in (self._full, self._bare):
            roles = self._roles(parts) if names is self._full else ()
            found = _of_kind((*_with_columns(names, parts), *roles), kind)
            if found:
                _check_is_one(text, found, lambda on: on.catalog)
                routines = [on for on in found if on.kind in ROUTINES]
                _check_is_one(text, routines, lambda on: on.name)
                return sorted(found, key=lambda on: _LIKELY_FIRST.index(on.kind))
        raise ConfigurationError(
            f"{text!r} names nothing that is known of {self._world.instance}.",
            hint=f"{_HINT}{self._not_read(parts)}",
        )

    def _roles(self, parts: Parts) -> Sequence[Securable]:
        """Return the role of a name: there are too many of them to spell each."""
        is_role = len(parts) == 1 and parts[0] in self._world.accounts and parts[0] != PUBLIC
        return (Securable(K.PRINCIPAL, name=parts[0]),) if is_role else ()

    def _not_read(self, parts: Parts) -> str:
        """Return a sentence on what was not read of the server and of a path's database."""
        databases = ("", *parts[:1])
        unread = self._world.unread(
            key for key in self._world.sections if key.database in databases
        )
        return f" Not read: {', '.join(sorted(unread))}." if unread else ""


def _parsed(text: str) -> tuple[SecurableKind | None, Parts]:
    try:
        word, parts = split_kind(text.strip())
    except ValueError as error:
        raise ConfigurationError(f"{error}.", hint=_HINT) from None
    if not word and not parts:
        raise ConfigurationError("The name of an object is empty.", hint=_HINT)
    kind = _kind(word) if word else None
    return kind, ("server",) if kind is K.SERVER and not parts else parts


def _kind(word: str) -> SecurableKind:
    plain = " ".join(word.lower().replace("_", " ").split())
    kinds = {str(kind): kind for kind in _LIKELY_FIRST} | _ALIASES
    if plain not in kinds:
        raise ConfigurationError(
            f"PostgreSQL has no kind of object {word!r}.",
            hint=f"The kinds are {', '.join(sorted(kinds))}; a name with a colon is quoted.",
        )
    return kinds[plain]


def _spellings(securable: Securable) -> set[Parts]:
    """Return the paths by which an object is found."""
    if securable.kind is K.SERVER:
        return {("server",), ("SERVER",)}
    path = (securable.database, securable.schema, securable.name, securable.column)
    parts = tuple(part for part in path if part)
    if securable.kind in ROUTINES:
        return {parts, (*parts[:-1], split_routine(securable.name)[0])}
    if securable.kind is K.PARAMETER:
        # Parameters of extensions have a dot in their names.
        return {parts, tuple(securable.name.split("."))}
    return {parts}


def _with_columns(names: dict[Parts, list[Securable]], parts: Parts) -> list[Securable]:
    found = list(names.get(parts, ()))
    relations = [on for on in names.get(parts[:-1], ()) if on.kind in RELATIONS]
    columns = [
        Securable(K.COLUMN, on.database, on.schema, on.name, parts[-1], on.catalog)
        for on in relations
    ]
    return [*found, *(column for column in columns if column not in found)]


def _of_kind(found: Iterable[Securable], kind: SecurableKind | None) -> list[Securable]:
    return [on for on in found if kind in (None, on.kind)]


def _check_is_one(
    text: str, found: Sequence[Securable], difference: Callable[[Securable], str]
) -> None:
    """Raise where things that are meant differ in what a person left out."""
    if len({difference(on) for on in found}) > 1:
        several = ", ".join(sorted(map(str, found)))
        raise ConfigurationError(f"{text!r} is one of several: {several}.", hint="Say which one.")
