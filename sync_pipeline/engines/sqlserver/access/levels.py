"""The permission space of a securable: the securable itself and what contains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sync_pipeline.engines.sqlserver.access.covering_table import CONTAINER, SecurableClass
from sync_pipeline.engines.sqlserver.access.fixed_roles import FIXED_DATABASE_ROLES, SERVER_ROLES
from sync_pipeline.engines.sqlserver.names import login_name, principal_name
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Securable, SecurableKind

KindOf = Callable[[str], AccountKind | None]
"""What an account is, where it is known."""

_CLASS_OF_KIND = {
    SecurableKind.SERVER: SecurableClass.SERVER,
    SecurableKind.ENDPOINT: SecurableClass.ENDPOINT,
    SecurableKind.AVAILABILITY_GROUP: SecurableClass.AVAILABILITY_GROUP,
    SecurableKind.DATABASE: SecurableClass.DATABASE,
    SecurableKind.SCHEMA: SecurableClass.SCHEMA,
    SecurableKind.TABLE: SecurableClass.OBJECT,
    SecurableKind.VIEW: SecurableClass.OBJECT,
    SecurableKind.PROCEDURE: SecurableClass.OBJECT,
    SecurableKind.FUNCTION: SecurableClass.OBJECT,
    SecurableKind.AGGREGATE: SecurableClass.OBJECT,
    SecurableKind.SEQUENCE: SecurableClass.OBJECT,
    SecurableKind.SYNONYM: SecurableClass.OBJECT,
    SecurableKind.QUEUE: SecurableClass.OBJECT,
    SecurableKind.OBJECT: SecurableClass.OBJECT,
    SecurableKind.COLUMN: SecurableClass.COLUMN,
    SecurableKind.TYPE: SecurableClass.TYPE,
    SecurableKind.XML_SCHEMA_COLLECTION: SecurableClass.XML_SCHEMA_COLLECTION,
    SecurableKind.ASSEMBLY: SecurableClass.ASSEMBLY,
    SecurableKind.CERTIFICATE: SecurableClass.CERTIFICATE,
    SecurableKind.KEY: SecurableClass.KEY,
    SecurableKind.SERVICE: SecurableClass.SERVICE,
    SecurableKind.FULLTEXT: SecurableClass.FULLTEXT,
}


CLASS_OF_WORD = {
    "MESSAGE TYPE": SecurableClass.MESSAGE_TYPE,
    "SERVICE CONTRACT": SecurableClass.CONTRACT,
    "REMOTE SERVICE BINDING": SecurableClass.REMOTE_SERVICE_BINDING,
    "ROUTE": SecurableClass.ROUTE,
    "SEARCH PROPERTY LIST": SecurableClass.SEARCH_PROPERTY_LIST,
    "DATABASE SCOPED CREDENTIAL": SecurableClass.DATABASE_SCOPED_CREDENTIAL,
}
"""The classes that a snapshot keeps in the name of an object: `ROUTE::name`."""


@dataclass(frozen=True, slots=True)
class Level:
    """One securable of a permission space; parts that a class does not have are empty.

    Tables, views, modules and the like share the names of their schema, so their kind is no
    part of what identifies them.
    """

    of: SecurableClass
    database: str = ""
    schema: str = ""
    name: str = ""
    column: str = ""


SERVER_LEVEL = Level(SecurableClass.SERVER)


def database_of(securable: Securable) -> str:
    """Return the database that a securable is, or is in; empty: the server's."""
    return securable.catalog or securable.database


def class_of(securable: Securable, kind_of: KindOf) -> SecurableClass:
    """Return the class of a securable; what a principal is depends on its account."""
    if securable.kind is SecurableKind.PRINCIPAL:
        return _principal_class(securable, kind_of)
    if securable.kind is SecurableKind.OBJECT and not securable.schema:
        word, named, _ = securable.name.partition("::")
        return CLASS_OF_WORD.get(word if named else "", SecurableClass.OBJECT)
    return _CLASS_OF_KIND.get(securable.kind, SecurableClass.OTHER)


def principal_account(securable: Securable) -> str:
    """Return the account name of a principal that is a securable."""
    database = database_of(securable)
    if database:
        return principal_name(database, securable.name)
    return login_name(securable.name)


def _principal_class(securable: Securable, kind_of: KindOf) -> SecurableClass:
    kind = kind_of(principal_account(securable))
    is_role = kind in (AccountKind.ROLE, AccountKind.PUBLIC)
    if not database_of(securable):
        is_role = is_role or securable.name in SERVER_ROLES
        return SecurableClass.SERVER_ROLE if is_role else SecurableClass.LOGIN
    is_role = is_role or securable.name in FIXED_DATABASE_ROLES
    if kind is AccountKind.APPLICATION_ROLE:
        return SecurableClass.APPLICATION_ROLE
    return SecurableClass.ROLE if is_role else SecurableClass.USER


def level_of(securable: Securable, kind_of: KindOf) -> Level:
    """Return what identifies a securable, whatever its kind says beyond its class."""
    of = class_of(securable, kind_of)
    if of is SecurableClass.SERVER:
        return SERVER_LEVEL
    return Level(of, database_of(securable), securable.schema, securable.name, securable.column)


@lru_cache(maxsize=50_000)
def space(level: Level) -> tuple[Level, ...]:
    """Return a securable and all that contain it, nearest first, the server last."""
    chain = [level]
    while (above := _container(chain[-1])) is not None:
        chain.append(above)
    return tuple(chain)


def _container(level: Level) -> Level | None:
    of = CONTAINER.get(level.of)
    if of is None:
        return None
    if of is SecurableClass.OBJECT:
        return Level(of, level.database, level.schema, level.name)
    if of is SecurableClass.SCHEMA:
        return Level(of, level.database, level.schema)
    return Level(of, level.database) if of is SecurableClass.DATABASE else Level(of)
