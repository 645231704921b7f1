"""Statements that take rights away. Runnable as they are, one statement a line."""

from __future__ import annotations

from sync_pipeline.engines.mysql_protocol.access.levels import GRANT_OPTION, USAGE
from sync_pipeline.engines.mysql_protocol.access.names import object_clause, principal
from sync_pipeline.engines.mysql_protocol.accounts.names import identifier
from sync_pipeline.model.privilege import Grant, SecurableKind

__all__ = ["give", "principal", "revoke", "revoke_option"]


def revoke(account: str, grant: Grant) -> str:
    """Return the statement that takes a grant away; empty for what the server can't name.

    A partial revoke is lifted by granting the privilege on its database (MySQL 8.4
    Reference Manual, 8.2.12). `account` is as a statement names it.
    """
    if not grant.recognised:
        return ""
    on = object_clause(grant.securable)
    if grant.deny:
        return f"GRANT {grant.privilege} ON {on} TO {account};"
    word = GRANT_OPTION if grant.privilege == USAGE else grant.privilege
    if grant.securable.kind is SecurableKind.COLUMN:
        word += f" ({identifier(grant.securable.column)})"
    return f"REVOKE {word} ON {on} FROM {account};"


def give(account: str, grant: Grant) -> str:
    """Return the statement that gives a grant, the opposite of `revoke`; empty as there."""
    if not grant.recognised:
        return ""
    on = object_clause(grant.securable)
    if grant.deny:
        return f"REVOKE {grant.privilege} ON {on} FROM {account};"
    column = grant.securable.column
    columns = f" ({identifier(column)})" if grant.securable.kind is SecurableKind.COLUMN else ""
    option = f" WITH {GRANT_OPTION}" if grant.grantable else ""
    return f"GRANT {grant.privilege}{columns} ON {on} TO {account}{option};"


def revoke_option(account: str, grant: Grant, *, is_own: bool) -> str:
    """Return the statement that leaves a grant without its option.

    `is_own`: the option belongs to this privilege alone.
    """
    on = object_clause(grant.securable)
    if not is_own:
        return f"REVOKE {GRANT_OPTION} ON {on} FROM {account};"
    again = f"GRANT {grant.privilege} ON {on} TO {account};"
    return f"{revoke(account, grant)}\n{again}"
