"""The statements that take rights away from an account of SQL Server."""

from __future__ import annotations

from collections.abc import Mapping

from sync_pipeline.engines.sqlserver.access_covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access_entry import attribute
from sync_pipeline.engines.sqlserver.access_facts import SQL_LOGIN, is_system
from sync_pipeline.engines.sqlserver.access_holdings import OWNER
from sync_pipeline.engines.sqlserver.access_levels import class_of, database_of
from sync_pipeline.engines.sqlserver.access_principals import DBO, GUEST, Principals
from sync_pipeline.engines.sqlserver.names import SA, split_account, written
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Membership, Securable

_ONE_NAME: Mapping[SecurableClass, str] = {
    SecurableClass.DATABASE: "DATABASE::{}",
    SecurableClass.SCHEMA: "SCHEMA::{}",
    SecurableClass.LOGIN: "LOGIN::{}",
    SecurableClass.SERVER_ROLE: "SERVER ROLE::{}",
    SecurableClass.ENDPOINT: "ENDPOINT::{}",
    SecurableClass.AVAILABILITY_GROUP: "AVAILABILITY GROUP::{}",
    SecurableClass.USER: "USER::{}",
    SecurableClass.ROLE: "ROLE::{}",
    SecurableClass.APPLICATION_ROLE: "APPLICATION ROLE::{}",
    SecurableClass.ASSEMBLY: "ASSEMBLY::{}",
    SecurableClass.CERTIFICATE: "CERTIFICATE::{}",
    SecurableClass.KEY: "SYMMETRIC KEY::{} /* or ASYMMETRIC KEY */",
    SecurableClass.SERVICE: (
        "SERVICE::{} /* or CONTRACT, MESSAGE TYPE, ROUTE, REMOTE SERVICE BINDING */"
    ),
    SecurableClass.FULLTEXT: (
        "FULLTEXT CATALOG::{} /* or FULLTEXT STOPLIST, SEARCH PROPERTY LIST */"
    ),
}
_IN_SCHEMA: Mapping[SecurableClass, str] = {
    SecurableClass.OBJECT: "OBJECT::",
    SecurableClass.COLUMN: "OBJECT::",
    SecurableClass.TYPE: "TYPE::",
    SecurableClass.XML_SCHEMA_COLLECTION: "XML SCHEMA COLLECTION::",
}


class Remedies:
    """Writes statements about the accounts of one world; names are delimited.

    Each statement runs alone: one for a database begins with USE.
    """

    def __init__(self, principals: Principals) -> None:
        self._principals = principals

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant or a deny away (REVOKE (Transact-SQL)).

        What others were given through the grant option goes with it: without CASCADE the
        statement fails. Ownership is handed to dbo, of a database to sa.
        """
        if grant.privilege == OWNER:
            return self._disown(grant.securable)
        return self._revoke("REVOKE", account, grant)

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that leaves the permission and takes its grant option away."""
        return self._revoke("REVOKE GRANT OPTION FOR", account, grant)

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away."""
        database, role = split_account(membership.role)
        member = written(split_account(account)[1])
        if not database:
            return f"ALTER SERVER ROLE {written(role)} DROP MEMBER {member};"
        return _in(database, f"ALTER ROLE {written(role)} DROP MEMBER {member};")

    def disable(self, account: str) -> str:
        """Return the statement that keeps an account out; empty: roles don't come in.

        A Windows group can't be disabled (ALTER LOGIN (Transact-SQL), DISABLE), and guest is
        closed by revoking its CONNECT (Principals (Database Engine), The guest user).
        """
        state = self._principals.accounts.get(account)
        if state is None or state.kind not in (
            AccountKind.LOGIN,
            AccountKind.GROUP,
            AccountKind.USER,
        ):
            return ""
        database, name = split_account(account)
        if database:
            if name in (DBO, "sys", "INFORMATION_SCHEMA"):
                return ""
            verb = "REVOKE CONNECT FROM" if name == GUEST else "DENY CONNECT TO"
            return _in(database, f"{verb} {written(name)};")
        if state.kind is AccountKind.GROUP:
            return _in("", f"DENY CONNECT SQL TO {written(name)};")
        return f"ALTER LOGIN {written(name)} DISABLE;"

    def drop(self, account: str) -> str:
        """Return the statement that removes an account; empty: it can't be removed."""
        state = self._principals.accounts.get(account)
        if state is None or is_system(account) or account == SA:
            return ""
        database, name = split_account(account)
        statement = f"DROP {_word(state)} {written(name)};"
        return _in(database, statement) if database else statement

    def expire(self, account: str) -> str:
        """Return the statement that gives the password an end; empty: not a SQL login.

        Expiration needs the password policy (ALTER LOGIN (Transact-SQL), CHECK_EXPIRATION).
        """
        state = self._principals.accounts.get(account)
        if state is None or attribute(state, "type") != SQL_LOGIN:
            return ""
        name = written(split_account(account)[1])
        return f"ALTER LOGIN {name} WITH CHECK_POLICY = ON, CHECK_EXPIRATION = ON;"

    def _revoke(self, verb: str, account: str, grant: Grant) -> str:
        on = self._on(grant.securable)
        what = grant.privilege
        if grant.securable.column:
            what = f"{what} ({written(grant.securable.column)})"
        name = written(split_account(account)[1])
        cascade = " CASCADE" if grant.grantable else ""
        text = f"{verb} {what}{on} FROM {name}{cascade}{_as(grant)};"
        return _in(database_of(grant.securable), text)

    def _on(self, securable: Securable) -> str:
        of = class_of(securable, self._principals.kind_of)
        if of is SecurableClass.SERVER:
            return ""
        return f" ON {self._name(of, securable)}"

    def _name(self, of: SecurableClass, securable: Securable) -> str:
        if of in _IN_SCHEMA:
            return f"{_IN_SCHEMA[of]}{written(securable.schema)}.{written(securable.name)}"
        name = securable.name
        if of is SecurableClass.DATABASE:
            name = database_of(securable)
        elif of is SecurableClass.SCHEMA:
            name = securable.schema
        return _ONE_NAME.get(of, "{}").format(written(name))

    def _disown(self, securable: Securable) -> str:
        of = class_of(securable, self._principals.kind_of)
        is_server = of in (SecurableClass.DATABASE, SecurableClass.ENDPOINT)
        is_server = is_server or not database_of(securable)
        to = SA if is_server else DBO
        text = f"ALTER AUTHORIZATION ON {self._name(of, securable)} TO {written(to)};"
        return text if is_server else _in(database_of(securable), text)


def _word(account: AccountState) -> str:
    if account.kind is AccountKind.APPLICATION_ROLE:
        return "APPLICATION ROLE"
    if account.kind in (AccountKind.ROLE, AccountKind.PUBLIC):
        return "ROLE" if account.database else "SERVER ROLE"
    return "USER" if account.database else "LOGIN"


def _in(database: str, statement: str) -> str:
    """Return a statement with the database that it must run in.

    Permissions of the server are given and taken in master alone (GRANT Server Permissions
    (Transact-SQL), Remarks).
    """
    return f"USE {written(database or 'master')}; {statement}"


def _as(grant: Grant) -> str:
    """Return whose grant it is: without it, REVOKE leaves what another principal granted."""
    grantor = split_account(grant.grantor)[1]
    return f" AS {written(grantor)}" if grantor not in ("", DBO, SA) else ""
