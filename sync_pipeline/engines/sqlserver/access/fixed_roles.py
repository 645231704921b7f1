"""What the fixed roles may do. Their permissions can't be changed, so no catalog lists them.

Sources: Server-level roles, Permissions of fixed server roles and Fixed server-level roles
introduced in SQL Server 2022; Database-level roles, Fixed database roles (and their figure).
`public` is not here: its permissions are ordinary grants.
"""

from __future__ import annotations

SYSADMIN = "sysadmin"
DB_OWNER = "db_owner"


def _permissions(text: str) -> tuple[str, ...]:
    return tuple(text.split(" | "))


_VIEW_STATE = "VIEW SERVER STATE | VIEW SERVER PERFORMANCE STATE | VIEW SERVER SECURITY STATE"

SERVER_ROLES: dict[str, tuple[str, ...]] = {
    SYSADMIN: ("CONTROL SERVER",),
    "serveradmin": _permissions(
        "ALTER ANY ENDPOINT | ALTER RESOURCES | ALTER SERVER STATE | ALTER SETTINGS | SHUTDOWN"
        " | VIEW SERVER STATE"
    ),
    "securityadmin": ("ALTER ANY LOGIN",),
    "processadmin": ("ALTER ANY CONNECTION", "ALTER SERVER STATE"),
    "setupadmin": ("ALTER ANY LINKED SERVER",),
    "bulkadmin": ("ADMINISTER BULK OPERATIONS",),
    "diskadmin": ("ALTER RESOURCES",),
    "dbcreator": ("ALTER ANY DATABASE", "CREATE ANY DATABASE"),
    "##MS_DatabaseConnector##": ("CONNECT ANY DATABASE",),
    "##MS_DatabaseManager##": ("ALTER ANY DATABASE", "CREATE ANY DATABASE"),
    "##MS_DefinitionReader##": _permissions(
        "VIEW ANY DATABASE | VIEW ANY DEFINITION | VIEW ANY PERFORMANCE DEFINITION"
        " | VIEW ANY SECURITY DEFINITION"
    ),
    "##MS_LoginManager##": ("ALTER ANY LOGIN", "CREATE LOGIN"),
    "##MS_PerformanceDefinitionReader##": ("VIEW ANY PERFORMANCE DEFINITION",),
    "##MS_SecurityDefinitionReader##": ("VIEW ANY SECURITY DEFINITION",),
    "##MS_ServerPerformanceStateReader##": ("VIEW SERVER PERFORMANCE STATE",),
    "##MS_ServerSecurityStateReader##": ("VIEW SERVER SECURITY STATE",),
    "##MS_ServerStateManager##": _permissions(f"ALTER SERVER STATE | {_VIEW_STATE}"),
    "##MS_ServerStateReader##": _permissions(_VIEW_STATE),
}
"""Fixed server role → permissions on the server."""

DATABASE_ROLES: dict[str, tuple[str, ...]] = {
    DB_OWNER: ("CONTROL",),
    "db_securityadmin": _permissions(
        "ALTER ANY APPLICATION ROLE | ALTER ANY ROLE | CREATE SCHEMA | VIEW DEFINITION"
    ),
    "db_accessadmin": ("ALTER ANY USER", "CONNECT", "CREATE SCHEMA"),
    "db_backupoperator": ("BACKUP DATABASE", "BACKUP LOG", "CHECKPOINT"),
    "db_ddladmin": _permissions(
        "ALTER ANY ASSEMBLY | ALTER ANY ASYMMETRIC KEY | ALTER ANY CERTIFICATE"
        " | ALTER ANY CONTRACT | ALTER ANY DATABASE DDL TRIGGER"
        " | ALTER ANY DATABASE EVENT NOTIFICATION | ALTER ANY DATASPACE"
        " | ALTER ANY FULLTEXT CATALOG | ALTER ANY MESSAGE TYPE"
        " | ALTER ANY REMOTE SERVICE BINDING | ALTER ANY ROUTE | ALTER ANY SCHEMA"
        " | ALTER ANY SERVICE | ALTER ANY SYMMETRIC KEY | CHECKPOINT | CREATE AGGREGATE"
        " | CREATE DEFAULT | CREATE FUNCTION | CREATE PROCEDURE | CREATE QUEUE | CREATE RULE"
        " | CREATE SYNONYM | CREATE TABLE | CREATE TYPE | CREATE VIEW"
        " | CREATE XML SCHEMA COLLECTION | REFERENCES"
    ),
    "db_datareader": ("SELECT",),
    "db_datawriter": ("DELETE", "INSERT", "UPDATE"),
}
"""Fixed database role → permissions on its database."""

DENYING_DATABASE_ROLES: dict[str, tuple[str, ...]] = {
    "db_denydatareader": ("SELECT",),
    "db_denydatawriter": ("DELETE", "INSERT", "UPDATE"),
}
"""Fixed database role → permissions that its members are denied on the database."""

FIXED_DATABASE_ROLES = frozenset(DATABASE_ROLES) | frozenset(DENYING_DATABASE_ROLES)
