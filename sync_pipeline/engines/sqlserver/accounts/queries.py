"""The queries of an account sync of SQL Server, with what hides their rows."""

from __future__ import annotations

from typing import Any

from sync_pipeline.engines.base import ANYBODY, FactRow, Query, RowT, Variant
from sync_pipeline.engines.sqlserver.accounts.rows import (
    DatabaseOwnerRow,
    DatabaseRow,
    DeniedRow,
    LoginRow,
    MemberRow,
    MissingRow,
    ObjectOwnerRow,
    OwnerRow,
    PermissionRow,
    ServerOwnerRow,
    ServerPermissionRow,
    UserRow,
)
from sync_pipeline.model.privilege import SectionName

OLDEST = (13,)
"""SQL Server 2016."""
DEFINITIONS = "GRANT VIEW ANY DEFINITION TO {user};"
CONNECT = "GRANT CONNECT ANY DATABASE TO {user};"
STATE = "GRANT VIEW SERVER STATE TO {user};"
ANY_DATABASE = "GRANT VIEW ANY DATABASE TO {user};"
DENIED_FILE = "denied_on_server.sql"
_OBJECT_SECTIONS = (SectionName.TABLE, SectionName.ROUTINE, SectionName.OTHER)


def query(
    name: str,
    row: type[RowT],
    fills: tuple[SectionName, ...] = (),
    needs: str = DEFINITIONS,
    check: str = "",
    count: str = "",
) -> Query[RowT]:
    """Declare a query whose text fits every version."""
    variants = (Variant(OLDEST, f"{name}.sql"),)
    denied = DENIED_FILE if check else ""
    return Query(name, row, fills, variants, needs, check=check, count=count, denied=denied)


def _in_database(
    name: str, row: type[RowT], fills: tuple[SectionName, ...], check: str, count: str = ""
) -> Query[RowT]:
    variants = (Variant(OLDEST, f"{name}.sql"),)
    return Query(
        name,
        row,
        fills,
        variants,
        DEFINITIONS,
        per_database=True,
        check=check,
        count=count,
        denied="denied_in_database.sql",
    )


LOGINS = query(
    "server_principals",
    LoginRow,
    (SectionName.ACCOUNTS,),
    check="check_logins.sql",
    count="count_server_principals.sql",
)
SERVER_MEMBERS = query(
    "server_role_members", MemberRow, (SectionName.MEMBERSHIPS,), check="check_logins.sql"
)
SERVER_PERMISSIONS = query(
    "server_permissions",
    ServerPermissionRow,
    (SectionName.SERVER, SectionName.PRINCIPAL, SectionName.OTHER),
    check="check_definitions.sql",
)
SERVER_OWNERS = query(
    "server_owners",
    ServerOwnerRow,
    (SectionName.PRINCIPAL, SectionName.OTHER),
    check="check_definitions.sql",
)
DATABASE_OWNERS = query(
    "database_owners",
    DatabaseOwnerRow,
    (SectionName.DATABASE,),
    ANY_DATABASE,
    check="check_databases.sql",
)
DATABASES = query(
    "databases",
    DatabaseRow,
    (),
    ANY_DATABASE,
    count="count_databases.sql",
)
"""Those that may be seen: `MISSING_DATABASES` says whether there may be more."""
MISSING_DATABASES = query("check_databases", MissingRow, (), ANYBODY)
MISSING_STATE = query("check_state", MissingRow, (), ANYBODY)
DENIED = query("denied_on_server", DeniedRow, (), ANYBODY)

USERS = _in_database(
    "database_principals",
    UserRow,
    (SectionName.ACCOUNTS,),
    "check_users.sql",
    "count_database_principals.sql",
)
MEMBERS = _in_database(
    "database_role_members", MemberRow, (SectionName.MEMBERSHIPS,), "check_users.sql"
)
PERMISSIONS = _in_database(
    "database_permissions",
    PermissionRow,
    (
        SectionName.DATABASE,
        SectionName.SCHEMA,
        SectionName.COLUMN,
        SectionName.TYPE,
        SectionName.PRINCIPAL,
        *_OBJECT_SECTIONS,
    ),
    "check_objects.sql",
)
SCHEMA_OWNERS = _in_database("schema_owners", OwnerRow, (SectionName.SCHEMA,), "check_objects.sql")
OBJECT_OWNERS = _in_database(
    "object_owners",
    ObjectOwnerRow,
    (SectionName.TYPE, *_OBJECT_SECTIONS),
    "check_objects.sql",
)
ROLE_OWNERS = _in_database("role_owners", OwnerRow, (SectionName.PRINCIPAL,), "check_users.sql")
SERVER_SETTINGS = query(
    "server_settings",
    FactRow,
    (SectionName.SERVER_SETTINGS,),
    ANY_DATABASE,
    check="check_databases.sql",
)
DEFINERS = _in_database("definers", FactRow, (SectionName.DEFINERS,), "check_objects.sql")
ACCOUNT_QUERIES: tuple[Query[Any], ...] = (
    LOGINS,
    SERVER_MEMBERS,
    SERVER_PERMISSIONS,
    SERVER_OWNERS,
    DATABASE_OWNERS,
    USERS,
    MEMBERS,
    PERMISSIONS,
    SCHEMA_OWNERS,
    OBJECT_OWNERS,
    ROLE_OWNERS,
    SERVER_SETTINGS,
    DEFINERS,
)
