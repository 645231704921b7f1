"""What a person means by the name of a securable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.engines.sqlserver.access.levels import database_of
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable, SecurableKind

K = SecurableKind

_SERVER_NAMED = (K.PRINCIPAL, K.ENDPOINT, K.AVAILABILITY_GROUP)
_DATABASE_NAMED = (
    *(K.PRINCIPAL, K.ASSEMBLY, K.CERTIFICATE, K.KEY, K.SERVICE, K.FULLTEXT),
    # A route, a contract, ...: `sales."ROUTE::name"`.
    K.OBJECT,
)
_SCHEMA_NAMED = (
    K.TABLE,
    K.VIEW,
    K.PROCEDURE,
    K.FUNCTION,
    K.AGGREGATE,
    K.SEQUENCE,
    K.SYNONYM,
    K.QUEUE,
    K.OBJECT,
    K.TYPE,
    K.XML_SCHEMA_COLLECTION,
)
_KINDS_OF_LENGTH = {
    1: (K.DATABASE, *_SERVER_NAMED),
    2: (K.SCHEMA, *_DATABASE_NAMED),
    3: _SCHEMA_NAMED,
    4: (K.COLUMN,),
}
_ALIASES = {"login": K.PRINCIPAL, "user": K.PRINCIPAL, "role": K.PRINCIPAL}
_FORM = "write server, or [KIND:]database[.schema[.object[.column]]]"


class Securables:
    """The securables that a world knows, and all that can exist in its databases."""

    def __init__(self, world: AccessWorld) -> None:
        self._known: dict[Securable, None] = {}
        databases = {key.database for key in world.sections}
        for account in world.accounts.values():
            databases.add(account.database)
            databases.add(split_account(account.name)[0])
            for grant in account.grants:
                self._known.setdefault(grant.securable)
                databases.add(database_of(grant.securable))
        self._databases = databases - {""}
        self._server_names = {
            split_account(account.name)[1]
            for account in world.accounts.values()
            if not account.database
        }

    def named(self, text: str) -> Sequence[Securable]:
        """Return what a text means, known kinds first; without a kind, an object is a table.

        Names match exactly, or, where none does, without regard to case when that leaves one.

        Raises:
            ConfigurationError: the text can't be read, or names nothing that is known here.
        """
        kind, parts = self._read(text)
        if not kind and [part.casefold() for part in parts] == [K.SERVER]:
            return self._server_and_namesake(parts[0])
        if kind is K.SERVER:
            return (Securable(K.SERVER),)
        kinds = self._kinds(text, kind, len(parts))
        candidates = [one for of in kinds for one in self._candidates(of, parts)]
        found = [one for one in candidates if one in self._known]
        found += [one for one in candidates if one not in self._known and self._exists(one, kind)]
        if not found:
            raise ConfigurationError(f"{text!r} names nothing that is known here: {_FORM}.")
        return found

    def _read(self, text: str) -> tuple[SecurableKind | None, tuple[str, ...]]:
        try:
            word, parts = split_kind(text)
        except ValueError as error:
            raise ConfigurationError(f"{error}: {_FORM}.") from None
        if not word:
            if not parts:
                raise ConfigurationError(f"{text!r} names no securable: {_FORM}.")
            return None, parts
        name = word.casefold().replace("_", " ")
        try:
            return _ALIASES.get(name) or SecurableKind(name), parts
        except ValueError:
            known = ", ".join(sorted({str(of) for of in _all_kinds()} | set(_ALIASES)))
            raise ConfigurationError(f"{word!r} is not a kind of SQL Server: {known}.") from None

    def _server_and_namesake(self, name: str) -> Sequence[Securable]:
        server = Securable(K.SERVER)
        if name in self._databases:
            return (server, Securable(K.DATABASE, database=name, catalog=name))
        return (server,)

    def _kinds(self, text: str, kind: SecurableKind | None, length: int) -> Sequence[SecurableKind]:
        fitting = _KINDS_OF_LENGTH.get(length, ())
        if kind is None:
            return fitting
        if kind not in fitting:
            raise ConfigurationError(f"{text!r} has {length} names, which is no {kind}: {_FORM}.")
        return (kind,)

    def _candidates(self, of: SecurableKind, parts: tuple[str, ...]) -> Iterable[Securable]:
        if len(parts) == 1 and of is not K.DATABASE:
            return (Securable(of, name=parts[0]),)
        database = self._database(parts[0])
        if database is None:
            return ()
        base = Securable(of, database=database, catalog=database)
        if len(parts) == 1:
            return (base,)
        first, *more = parts[1:]
        if of in _DATABASE_NAMED and not more:
            return (replace(base, name=first),)
        schema, name, column = (first, *more, "", "")[:3]
        return (replace(base, schema=schema, name=name, column=column),)

    def _database(self, name: str) -> str | None:
        if name in self._databases:
            return name
        alike = [known for known in self._databases if known.casefold() == name.casefold()]
        return alike[0] if len(alike) == 1 else None

    def _exists(self, one: Securable, kind: SecurableKind | None) -> bool:
        """Return whether something that no grant names may be meant."""
        if kind is not None:
            return True
        if one.kind is K.PRINCIPAL and not one.catalog:
            return one.name in self._server_names and one.name not in self._databases
        return one.kind in (K.DATABASE, K.SCHEMA, K.TABLE, K.COLUMN)


def _all_kinds() -> Iterable[SecurableKind]:
    return (K.SERVER, *(of for kinds in _KINDS_OF_LENGTH.values() for of in kinds))
