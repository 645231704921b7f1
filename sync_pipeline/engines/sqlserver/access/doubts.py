"""What of an account of SQL Server the rules do not know. Pure.

Sources: SQL Server documentation, sys.server_principals and sys.database_principals (type,
authentication_type), sys.server_permissions and sys.database_permissions (class).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sync_pipeline.engines.sqlserver.access.entry import attribute
from sync_pipeline.engines.sqlserver.access.holdings import REVOKED
from sync_pipeline.engines.sqlserver.access.principals import GUEST, PUBLIC
from sync_pipeline.engines.sqlserver.accounts.permissions import PERMISSIONS
from sync_pipeline.engines.sqlserver.names import principal_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant, SecurableKind

_TYPES = frozenset(
    {
        *("SQL_LOGIN", "WINDOWS_LOGIN", "WINDOWS_GROUP", "SERVER_ROLE", "EXTERNAL_LOGIN"),
        *("EXTERNAL_GROUP", "EXTERNAL_GROUPS", "CERTIFICATE_MAPPED_LOGIN"),
        *("ASYMMETRIC_KEY_MAPPED_LOGIN", "SQL_USER", "WINDOWS_USER", "EXTERNAL_USER"),
        *("CERTIFICATE_MAPPED_USER", "ASYMMETRIC_KEY_MAPPED_USER", "DATABASE_ROLE"),
        *("APPLICATION_ROLE",),
    }
)
_AUTHENTICATION = frozenset({"NONE", "INSTANCE", "DATABASE", "WINDOWS", "EXTERNAL"})
_CLASSES = frozenset(
    {
        *("MESSAGE TYPE", "SERVICE CONTRACT", "REMOTE SERVICE BINDING", "ROUTE"),
        *("SEARCH PROPERTY LIST", "DATABASE SCOPED CREDENTIAL", "EXTERNAL LANGUAGE"),
        *("EXTERNAL LIBRARY", "EXTERNAL MODEL"),
    }
)
"""Classes of what holds nothing else, named by the class as in a GRANT statement, or by its
number. CREATE EXTERNAL MODEL (Transact-SQL): SQL Server 2025 has EXTERNAL MODEL."""
_SINCE_2025 = frozenset(
    {"ALTER ANY EXTERNAL MODEL", "ALTER ANY INFORMATION PROTECTION", "CREATE EXTERNAL MODEL"}
)
"""Flagged as not recognised, as before, and known: CREATE EXTERNAL MODEL (Transact-SQL) and
the release notes of SqlPackage 170. They give nothing beside what they say."""
_NUMBERED = " id "


def unknown_words(state: AccountState) -> Iterator[str]:
    """Yield the type of a principal and its way of authentication where they are new."""
    for name, words in (("type", _TYPES), ("authentication_type", _AUTHENTICATION)):
        value = attribute(state, name)
        if value is not None and value not in words:
            yield f"{name.replace('_', ' ')} {value}"


def unknown_grants(state: AccountState) -> Iterator[Grant]:
    """Yield the permissions whose name, state or class is new.

    A permission that a column was taken out of is marked as well, and is known.
    """
    for grant in state.grants:
        on = grant.securable
        is_known = grant.recognised or grant.privilege.endswith(REVOKED)
        if on.kind is SecurableKind.OBJECT and not on.schema:
            is_known = _class_of(on.name) in _CLASSES and grant.privilege in PERMISSIONS
        if not is_known and grant.privilege not in _SINCE_2025:
            yield grant


def _class_of(name: str) -> str:
    """Return the class in a name such as `ROUTE::r` or, unnamed, `ROUTE id 7`."""
    before, named, _ = name.partition("::")
    return before if named else name.rpartition(_NUMBERED)[0]


def also(world: AccessWorld) -> Mapping[str, Iterable[str]]:
    """Return whose grants count for a login beside its roles: its users, public and guest."""
    users: dict[str, list[str]] = defaultdict(list)
    databases = {state.database for state in world.accounts.values()} - {""}
    publics = {database: principal_name(database, PUBLIC) for database in databases}
    guests = [principal_name(database, GUEST) for database in databases]
    everyone = (PUBLIC, *publics.values(), *guests)
    found: dict[str, Iterable[str]] = {}
    for name, state in world.accounts.items():
        if state.database:
            found[name] = (publics[state.database],)
            users[str(attribute(state, "login"))].append(name)
        else:
            found[name] = everyone
    for login in users.keys() & world.accounts.keys():
        found[login] = (*users[login], *everyone)
    return found
