"""The statements by which a DBA takes privileges and accounts of PostgreSQL away. Pure.

Manual, REVOKE: a grant is taken away by whoever gave it. The owner's, a superuser's
REVOKE takes what the owner gave; what others gave is taken in their role. CASCADE is
added where the account has passed on what it loses, for the statement fails without.
"""

from __future__ import annotations

from sync_pipeline.engines.postgresql.access_grants import GrantIndex
from sync_pipeline.engines.postgresql.access_roles import RoleGraph
from sync_pipeline.engines.postgresql.access_targets import (
    granted_on,
    in_database,
    owned,
    shown,
)
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.engines.postgresql.parse import OWNERSHIP, PUBLIC
from sync_pipeline.model.privilege import Grant, Membership, SecurableKind

PASSWORD_DAYS = 90
"""How long a password lasts that is given an end."""


class Remedies:
    """Writes statements; what depends on a grant is looked up in the world."""

    def __init__(self, graph: RoleGraph, index: GrantIndex) -> None:
        self._graph = graph
        self._index = index

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant away; ownership goes to who runs it."""
        if grant.privilege == OWNERSHIP:
            on = grant.securable
            return f"ALTER {owned(on)} OWNER TO CURRENT_USER;{in_database(on)}"
        return self._revoke(account, grant, "")

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that leaves the privilege and takes its grant option."""
        return self._revoke(account, grant, "GRANT OPTION FOR ")

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away; from 16 by the one who gave it."""
        role = membership.role
        by = ""
        if self._graph.has_options and membership.grantor:
            by = f" GRANTED BY {quoted(membership.grantor)}"
        passed_on = membership.admin and any(
            item.role == role and item.grantor == account
            for name in self._graph.accounts
            for item in self._graph.memberships(name)
        )
        cascade = " CASCADE" if self._graph.has_options and passed_on else ""
        return f"REVOKE {quoted(role)} FROM {_grantee(account)}{by}{cascade};"

    def disable(self, account: str) -> str:
        """Return the statement that keeps an account from logging in; none for PUBLIC."""
        return "" if account == PUBLIC else f"ALTER ROLE {quoted(account)} NOLOGIN;"

    def drop(self, account: str) -> str:
        """Return the statements that remove an account; none for PUBLIC.

        What it owns goes to who runs them, and its grants go, in one database at a time
        (manual, "Dropping Roles").
        """
        if account == PUBLIC:
            return ""
        name = quoted(account)
        state = self._graph.accounts.get(account)
        if state is None or not state.grants:
            return f"DROP ROLE {name};"
        databases = sorted({grant.securable.catalog for grant in state.grants} - {""})
        empty = f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name};"
        where = f" -- first in {', '.join(map(shown, databases))}" if databases else ""
        return f"{empty}{where}\nDROP ROLE {name};"

    def expire(self, account: str) -> str:
        """Return the statement that ends an account's password in some weeks.

        VALID UNTIL takes no expression, so the date is put in when the statement runs.
        """
        state = self._graph.accounts.get(account)
        if state is None or not state.can_login:
            return ""
        role = "'" + account.replace("'", "''") + "'"
        end = f"now() + interval '{PASSWORD_DAYS} days'"
        body = f"BEGIN EXECUTE format('ALTER ROLE %I VALID UNTIL %L', {role}, {end}); END"
        fence = "$do$"
        while fence in body:
            fence = f"${fence[1:-1]}o$"
        return f"DO {fence}{body}{fence};"

    def _revoke(self, account: str, grant: Grant, option: str) -> str:
        on, grantee = grant.securable, _grantee(account)
        if on.kind is SecurableKind.DEFAULT_PRIVILEGE:
            objects, _, owner = on.name.partition(" of ")
            schema = f" IN SCHEMA {quoted(on.schema)}" if on.schema else ""
            return (
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(owner)}{schema} REVOKE {option}"
                f"{grant.privilege} ON {objects.upper()} FROM {grantee};{in_database(on)}"
            )
        column = f" ({quoted(on.column)})" if on.column else ""
        cascade = " CASCADE" if self._index.has_dependents(account, grant) else ""
        statement = (
            f"REVOKE {option}{grant.privilege}{column} ON {granted_on(on)} FROM {grantee}{cascade};"
        )
        if grant.grantor and grant.grantor != self._index.owner(on):
            statement = f"SET ROLE {quoted(grant.grantor)}; {statement} RESET ROLE;"
        return f"{statement}{in_database(on)}"


def _grantee(account: str) -> str:
    return "PUBLIC" if account == PUBLIC else quoted(account)
