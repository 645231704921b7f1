"""What of an account of SQL Server the rules do not know. Pure.

Sources: SQL Server documentation, sys.server_principals and sys.database_principals (type,
authentication_type), sys.server_permissions and sys.database_permissions (class).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sync_pipeline.engines.sqlserver.access_entry import attribute
from sync_pipeline.engines.sqlserver.access_holdings import REVOKED
from sync_pipeline.engines.sqlserver.access_principals import GUEST, PUBLIC
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
        *("EXTERNAL LIBRARY",),
    }
)
"""What is named by its class, as in a GRANT statement, because nothing else tells it apart."""


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
        is_marked = not grant.recognised and not grant.privilege.endswith(REVOKED)
        if is_marked or _is_of_unknown_class(grant):
            yield grant


def _is_of_unknown_class(grant: Grant) -> bool:
    on = grant.securable
    if on.kind is not SecurableKind.OBJECT or on.schema:
        return False
    return on.name.partition("::")[0] not in _CLASSES


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
