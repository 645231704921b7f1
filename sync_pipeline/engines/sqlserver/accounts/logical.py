"""What marks the principals of a logical server of Azure SQL Database. Pure.

Sources: Azure SQL documentation, "Authorize database access" (the server admin has all
permissions in every database, and is no member of a role) and "Server roles" (nothing is granted
on the server itself); SQL Server documentation, "Database-level roles", special roles for Azure
SQL Database: `dbmanager` and `loginmanager` of master act on the server.
"""

from __future__ import annotations

from sync_pipeline.model.account import AccountState

MASTER = "master"
MARK = ("server", "logical")
"""The attribute of a login or a role of a logical server, and of no other."""
MASTER_ROLES = {
    "dbmanager": ("CREATE ANY DATABASE",),
    "loginmanager": ("ALTER ANY LOGIN", "CREATE LOGIN"),
}
"""Role of master → permissions on the server. `dbmanager` is in no database that it does not own:
that it may drop some is no permission there."""


def is_logical(account: AccountState) -> bool:
    """Return whether a principal is one of a logical server."""
    return MARK in account.attributes


def is_server_admin(account: AccountState) -> bool:
    """Return whether a login is the server admin of a logical server."""
    return account.is_superuser and not account.database and is_logical(account)
