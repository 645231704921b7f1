"""Azure SQL Database: which statements read a logical server, and what their rows become. Pure.

A logical server has its logins, its server roles and the list of its databases in `master`; each
database is connected to by itself and knows neither. Sources: SQL Server documentation,
sys.sql_logins, sys.server_principals, sys.server_role_members and sys.databases; Azure SQL
documentation, "Server roles" and "Authorize database access".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_pipeline.engines.base import (
    ANYBODY,
    AccountRows,
    DatabaseEntry,
    HiddenDatabases,
    Query,
    Variant,
)
from sync_pipeline.engines.sqlserver.accounts.grants import database_grants, server_grants
from sync_pipeline.engines.sqlserver.accounts.logical import MARK, MASTER, MASTER_ROLES
from sync_pipeline.engines.sqlserver.accounts.parse import (
    INSTANCE_AUTHENTICATION,
    database_accounts,
    server_accounts,
    unreadable,
)
from sync_pipeline.engines.sqlserver.accounts.queries import (
    DATABASE_OWNERS,
    DATABASES,
    LOGINS,
    MEMBERS,
    OBJECT_OWNERS,
    OLDEST,
    PERMISSIONS,
    ROLE_OWNERS,
    SCHEMA_OWNERS,
    SERVER_MEMBERS,
    USERS,
)
from sync_pipeline.engines.sqlserver.accounts.rows import DatabaseRow, UserRow
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import it_needs

LOGICAL_SERVER, ONE_DATABASE = "logical server", "one database"
"""What of Azure SQL Database the login opened: `master`, or another database."""
PLACES = (LOGICAL_SERVER, ONE_DATABASE)
DEFINITIONS = (
    "/* in database [master] */ ALTER SERVER ROLE [##MS_DefinitionReader##] ADD MEMBER {user};"
)
STATE = "/* in database [master] */ ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER {user};"
OWN_DEFINITIONS = "GRANT VIEW DEFINITION TO {user};"
OWN_STATE = "GRANT VIEW DATABASE STATE TO {user};"
"""What opens the same in the one database that an account of its own lives in."""
A_LOGIN = "/* in database [master] */ CREATE USER {user} FOR LOGIN {user};"
ONLY = (
    "The login opened one database: the logins and roles of the server are not known, and the "
    "other databases are not either. A contained user sees no more; a login does with a user in "
    "master, where the instance names no database."
)
_SERVERLESS = "GP_S_"
SERVERLESS = (
    "It is serverless, and each login starts it or keeps it from pausing, which costs compute "
    "(SYNC_PIPELINE_EXCLUDED_DATABASES leaves one out)"
)
_FILES = {
    LOGINS.name: ("azure_logins.sql", "azure_count_logins.sql"),
    SERVER_MEMBERS.name: ("azure_role_members.sql", ""),
    DATABASE_OWNERS.name: ("azure_database_owners.sql", ""),
    DATABASES.name: ("azure_databases.sql", ""),
    USERS.name: ("azure_database_principals.sql", ""),
    PERMISSIONS.name: ("azure_database_permissions.sql", ""),
    OBJECT_OWNERS.name: ("azure_object_owners.sql", ""),
}
"""The text of a query, and that of its count, where they differ from SQL Server's."""


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """The row of `azure_identity.sql`."""

    database_name: str
    account: str | None


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """A row of `azure_service_objectives.sql`."""

    name: str
    service_objective: str | None


OPENED = Query(
    "azure_identity",
    OpenedRow,
    (),
    (Variant(OLDEST, "azure_identity.sql", ONE_DATABASE),),
    ANYBODY,
    hidden_at=("", LOGICAL_SERVER),
    shows_some=A_LOGIN,
    some=ONLY,
)
OBJECTIVES = Query(
    "azure_service_objectives",
    ObjectiveRow,
    (),
    (Variant(OLDEST, "azure_service_objectives.sql", LOGICAL_SERVER),),
    ANYBODY,
    hidden_at=("", ONE_DATABASE),
)


def with_azure(queries: Iterable[Query[Any]]) -> tuple[Query[Any], ...]:
    """Return the queries of SQL Server, with what they are on a logical server."""
    first, *others = (_with_azure(query) for query in queries)
    return first, OPENED, *others


def _with_azure(query: Query[Any]) -> Query[Any]:
    """Return a query with its texts there; what the server has no list of is absent."""
    file, count = _FILES.get(query.name, (f"{query.name}.sql", ""))
    there = Variant(OLDEST, file, LOGICAL_SERVER, DEFINITIONS, count)
    if query.per_database:
        one = replace(there, place=ONE_DATABASE, needs=OWN_DEFINITIONS)
        return replace(query, variants=(*query.variants, there, one))
    if query.name in _FILES:
        variants = (*query.variants, there)
        return replace(query, variants=variants, hidden_at=(*query.hidden_at, ONE_DATABASE))
    return replace(query, absent_at=PLACES)


def azure_accounts(rows: AccountRows, place: str) -> tuple[AccountState, ...]:
    """Build one state for each login, role and user of a logical server, or of one database."""
    logins = rows.of(LOGINS)
    names = {row.sid: row.name for row in logins if row.sid and row.type != "R"}
    is_whole = place == LOGICAL_SERVER and any(row.is_sysadmin for row in logins)
    owners = server_grants((), (), rows.of(DATABASE_OWNERS))
    found = [_marked(state) for state in server_accounts(logins, rows.of(SERVER_MEMBERS), owners)]
    for database in rows.databases(USERS):
        grants = database_grants(
            database,
            rows.of(PERMISSIONS, database),
            rows.of(SCHEMA_OWNERS, database),
            rows.of(OBJECT_OWNERS, database),
            rows.of(ROLE_OWNERS, database),
        )
        users = [_named(row, names) for row in rows.of(USERS, database)]
        states = database_accounts(database, users, rows.of(MEMBERS, database), grants)
        found += _in_database(database, users, states, is_whole=is_whole)
    return tuple(found)


def _in_database(
    database: str, users: Iterable[UserRow], states: Iterable[AccountState], *, is_whole: bool
) -> Iterator[AccountState]:
    """Yield the states of a database; without the list of logins nobody is an orphan."""
    for row, state in zip(users, states, strict=True):
        attributes = dict(state.attributes)
        if row.authentication_type == INSTANCE_AUTHENTICATION and not is_whole:
            attributes["is_orphaned"] = None
        known = replace(state, attributes=tuple(attributes.items()))
        is_servers = database == MASTER and row.type == "R" and row.name in MASTER_ROLES
        yield _marked(known) if is_servers else known


def _marked(state: AccountState) -> AccountState:
    return replace(state, attributes=(*state.attributes, MARK))


def _named(row: UserRow, names: Mapping[bytes, str]) -> UserRow:
    """Return the row of a user with the name of its login in the place of the identifier."""
    sid = row.login if row.type not in ("R", "A") else None
    return replace(row, login=names.get(sid) if isinstance(sid, bytes) else None)


def entries(
    rows: Iterable[DatabaseRow], objectives: Iterable[ObjectiveRow]
) -> Iterator[DatabaseEntry]:
    """Yield the databases of a logical server; what can't be opened is known when it is tried."""
    serverless = {
        row.name for row in objectives if (row.service_objective or "").startswith(_SERVERLESS)
    }
    for row in rows:
        reason = unreadable(row)
        caution = SERVERLESS if row.name in serverless else ""
        yield DatabaseEntry(row.name, not reason, reason, caution=caution)


def of_some(listed: Sequence[DatabaseEntry], statement: str) -> HiddenDatabases:
    """Return the error of a list that lacks databases, and the statement that ends it."""
    return HiddenDatabases(
        f"The account may not see every database: VIEW ANY DATABASE is missing. The {len(listed)} "
        "that it sees are read; what is known of others stays as it is.",
        listed,
        missing=statement,
        hint=it_needs(statement),
    )


def of_one(database: str, statement: str) -> HiddenDatabases:
    """Return the error of a list that has the one database which the login opened."""
    return HiddenDatabases(
        f"The login opened the database {database}, and the other databases of the server are not "
        "known; what is known of them stays as it is. A contained user sees no more.",
        (DatabaseEntry(database, is_readable=True),),
        missing=statement,
        hint=f"{it_needs(statement)} Then take the database off the instance (instances edit).",
        is_meant=True,
    )
