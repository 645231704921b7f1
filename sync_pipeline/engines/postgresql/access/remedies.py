"""The statements by which a DBA takes privileges and accounts of PostgreSQL away. Pure.

Manual, REVOKE: a grant is taken away by whoever gave it. The owner's, a superuser's
REVOKE takes what the owner gave; what others gave is taken in their role. CASCADE is
added where the account has passed on what it loses, for the statement fails without.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipeline.engines.postgresql.access.grants import GrantIndex
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.access.targets import (
    granted_on,
    in_database,
    owned,
    shown,
)
from sync_pipeline.engines.postgresql.accounts.parse import OWNERSHIP, PUBLIC
from sync_pipeline.engines.postgresql.accounts.predefined import RESERVED
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.model.access import Hold
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
            if self._graph.is_providers(account):
                return ""
            return f"ALTER {owned(on)} OWNER TO CURRENT_USER;{in_database(on)}"
        return self._revoke(account, grant, "")

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that leaves the privilege and takes its grant option."""
        return self._revoke(account, grant, "GRANT OPTION FOR ")

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away; from 16 by the one who gave it.

        Empty: no customer of a managed service may, or nobody would be left who administers it.
        """
        role = membership.role
        if self._graph.gives_last_administrator(account, role):
            return ""
        by = ""
        if self._graph.has_options and self._graph.is_providers(membership.grantor):
            return ""
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
        """Return the statement that keeps an account from logging in.

        None for who does not log in, for the server's own roles, which it keeps ("Predefined
        Roles"), and where nobody would be left who may do everything.
        """
        state = self._graph.accounts.get(account)
        cant_login = state is not None and not state.can_login
        is_kept = account.startswith(RESERVED) or not self._graph.may_be_altered(account)
        if account == PUBLIC or is_kept or cant_login:
            return ""
        if self._graph.must_stay(account):
            return ""
        return f"ALTER ROLE {quoted(account)} NOLOGIN;"

    def drop(self, account: str) -> str:
        """Return the statements that remove an account; none for PUBLIC.

        What it owns goes to who runs them, and its grants go, in one database at a time
        (manual, "Dropping Roles").
        """
        if account == PUBLIC or not self._graph.may_be_altered(account):
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

        VALID UNTIL takes no expression, so the date is put in when the statement runs. Empty where
        nobody else may do everything: the day on which that one can't log in would come unnoticed.
        """
        state = self._graph.accounts.get(account)
        if state is None or not state.can_login or not self._graph.may_be_altered(account):
            return ""
        if self._graph.is_last(account):
            return ""
        role = "'" + account.replace("'", "''") + "'"
        end = f"now() + interval '{PASSWORD_DAYS} days'"
        body = f"BEGIN EXECUTE format('ALTER ROLE %I VALID UNTIL %L', {role}, {end}); END"
        fence = "$do$"
        while fence in body:
            fence = f"${fence[1:-1]}o$"
        return f"DO {fence}{body}{fence};"

    def dependents(self, hold: Hold) -> Sequence[Hold]:
        """Return what CASCADE takes from others.

        Of what these gave on, nothing goes once they hold it by another grantor too (manual,
        REVOKE; tried on 15 and 18).
        """
        if hold.grant is not None:
            return self._index.dependents(hold.account, hold.grant)
        membership = hold.membership
        if membership is None or not membership.admin or not self._graph.has_options:
            return ()
        return tuple(
            Hold(name, membership=item)
            for name in self._graph.accounts
            for item in self._graph.memberships(name)
            if item.role == membership.role and item.grantor == hold.account
        )

    def restore(self, hold: Hold) -> str:
        """Return the statement that gives a hold back, by whom it was given."""
        if hold.membership is not None:
            return self._give_role(hold.account, hold.membership)
        grant = hold.grant
        if grant is None:
            return ""
        if grant.privilege == OWNERSHIP:
            on = grant.securable
            return f"ALTER {owned(on)} OWNER TO {quoted(hold.account)};{in_database(on)}"
        return self._write("GRANT", hold.account, grant)

    def _give_role(self, account: str, membership: Membership) -> str:
        """Return the statement that gives a role with its options, by whom it was given."""
        by = f" GRANTED BY {quoted(membership.grantor)}" if membership.grantor else ""
        options = " WITH ADMIN OPTION" if membership.admin else ""
        if self._graph.has_options:
            flags = {
                "ADMIN": membership.admin,
                "INHERIT": membership.inherit is not False,
                "SET": membership.set_role is not False,
            }
            written = ", ".join(f"{word} {str(on).upper()}" for word, on in flags.items())
            options = f" WITH {written}"
        return f"GRANT {quoted(membership.role)} TO {_grantee(account)}{options}{by};"

    def enable(self, account: str) -> str:
        """Return the statement that lets an account log in again."""
        return f"ALTER ROLE {quoted(account)} LOGIN;"

    def create(self, account: str) -> str:
        """Return the statement that makes a role again; what it owned and held is not brought."""
        return f"CREATE ROLE {quoted(account)};"

    def unexpire(self, account: str) -> str:
        """Return the statement that gives the password its old end; without one, `infinity`.

        That is no end too: VALID UNTIL takes no null.
        """
        until = str(self._graph.attribute(account, "valid_until") or "infinity")
        text = until.replace("'", "''")
        return f"ALTER ROLE {quoted(account)} VALID UNTIL '{text}';"

    def _revoke(self, account: str, grant: Grant, option: str) -> str:
        return self._write("REVOKE", account, grant, option)

    def _write(self, verb: str, account: str, grant: Grant, option: str = "") -> str:
        on, grantee = grant.securable, _grantee(account)
        owner = self._index.owner(on)
        if self._graph.is_providers(grant.grantor or owner):
            return ""
        to, end = "FROM", ""
        if verb == "GRANT":
            to, end = "TO", " WITH GRANT OPTION" if grant.grantable else ""
        if on.kind is SecurableKind.DEFAULT_PRIVILEGE:
            objects, _, owner = on.name.partition(" of ")
            schema = f" IN SCHEMA {quoted(on.schema)}" if on.schema else ""
            return (
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(owner)}{schema} {verb} {option}"
                f"{grant.privilege} ON {objects.upper()} {to} {grantee}{end};{in_database(on)}"
            )
        column = f" ({quoted(on.column)})" if on.column else ""
        if verb == "REVOKE" and self._index.dependents(account, grant):
            end = " CASCADE"
        statement = (
            f"{verb} {option}{grant.privilege}{column} ON {granted_on(on)} {to} {grantee}{end};"
        )
        if grant.grantor and grant.grantor != owner:
            statement = f"SET ROLE {quoted(grant.grantor)}; {statement} RESET ROLE;"
        return f"{statement}{in_database(on)}"


def _grantee(account: str) -> str:
    return "PUBLIC" if account == PUBLIC else quoted(account)
