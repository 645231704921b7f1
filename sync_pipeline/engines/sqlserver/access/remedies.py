"""The statements that take rights away from an account of SQL Server.

A statement that the server refuses is none, and neither is one that harms: what stops the
services of the instance, or leaves nobody who may do everything. Sources: SQL Server
documentation, Database Engine events and errors 4613 and 15151 (sa, dbo, INFORMATION_SCHEMA and
sys are neither granted nor denied anything), 15109 (owners of system databases), 15182 (guest
in master and tempdb), 15405 (special principals); Configure Windows service accounts and
permissions (the service SIDs are members of sysadmin); ALTER AUTHORIZATION (Transact-SQL).
"""

from __future__ import annotations

from collections.abc import Mapping

from sync_pipeline.engines.sqlserver.access.covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access.entry import attribute, is_mapped_to_key
from sync_pipeline.engines.sqlserver.access.facts import SQL_LOGIN, is_system
from sync_pipeline.engines.sqlserver.access.fixed_roles import SYSADMIN
from sync_pipeline.engines.sqlserver.access.holdings import OWNER
from sync_pipeline.engines.sqlserver.access.levels import CLASS_OF_WORD, class_of, database_of
from sync_pipeline.engines.sqlserver.access.principals import DBO, GUEST, Principals
from sync_pipeline.engines.sqlserver.accounts.logical import is_logical
from sync_pipeline.engines.sqlserver.accounts.well_known import WellKnown, well_known
from sync_pipeline.engines.sqlserver.names import (
    in_azure_database,
    login_name,
    split_account,
    written,
)
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

_SPECIAL_USERS = (DBO, "sys", "INFORMATION_SCHEMA")
_FIXED_OWNERS = ("master", "model", "tempdb", "distribution")
_PROVIDERS = ("rdsa",)
"""How providers call their own `sa`, which customers can neither change nor make an owner
(Amazon RDS User Guide, Microsoft SQL Server security)."""
_GUEST_STAYS = ("master", "tempdb", "msdb")
"""Where guest has to come in; of msdb: Microsoft knowledge base, KB2539091."""
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
    SecurableClass.SERVICE: "SERVICE::{}",
    SecurableClass.FULLTEXT: "FULLTEXT CATALOG::{} /* or FULLTEXT STOPLIST */",
}
_IN_SCHEMA: Mapping[SecurableClass, str] = {
    SecurableClass.OBJECT: "OBJECT::",
    SecurableClass.COLUMN: "OBJECT::",
    SecurableClass.TYPE: "TYPE::",
    SecurableClass.XML_SCHEMA_COLLECTION: "XML SCHEMA COLLECTION::",
}


class Remedies:
    """Writes statements about the accounts of one world; names are delimited.

    Each statement runs alone: one for a database begins with USE, or says which it is where
    there is no USE (USE (Transact-SQL), Azure SQL Database).
    """

    def __init__(self, principals: Principals, platform: Platform = Platform.SELF_RUN) -> None:
        self._principals = principals
        self._is_azures = platform is Platform.AZURE_SQL
        self.within = in_azure_database if self._is_azures else in_database
        """Returns a statement with the database that it must run in."""
        self.on_server = _in_master if self._is_azures else _anywhere
        """Returns a statement about the server: on a logical one it runs in master alone."""

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant or a deny away (REVOKE (Transact-SQL)).

        What others were given through the grant option goes with it: without CASCADE the
        statement fails. Ownership is handed to dbo, of what is the server's to `sa`, by the
        name that it has. Empty: the server refuses it, or nobody else could do everything.
        """
        if self._is_special(account) or self._is_needed(account, grant):
            return ""
        if self._is_of_provider(grant):
            return ""
        if grant.privilege == OWNER:
            return self._disown(grant.securable)
        return self._revoke("REVOKE", account, grant)

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that leaves the permission and takes its grant option away."""
        if self._is_special(account) or self._is_of_provider(grant):
            return ""
        return self._revoke("REVOKE GRANT OPTION FOR", account, grant)

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away; empty: it is refused, or harms.

        `sa` stays in sysadmin, whoever asks: what can be done is to close it.
        """
        database, role = split_account(membership.role)
        if self.is_for_ever(account, membership):
            state = self._principals.accounts.get(account)
            return self.disable(account) if state and state.can_login else ""
        if self._is_special(account) or self._is_service(account):
            return ""
        if membership.role == SYSADMIN and not self._principals.other_superusers(account):
            return ""
        member = written(split_account(account)[1])
        if not database:
            return self.on_server(f"ALTER SERVER ROLE {written(role)} DROP MEMBER {member};")
        return self.within(database, f"ALTER ROLE {written(role)} DROP MEMBER {member};")

    def is_for_ever(self, account: str, membership: Membership) -> bool:
        """Return whether a membership is that of `sa` in sysadmin."""
        is_first = self._principals.is_first_administrator(account)
        return is_first and membership.role == SYSADMIN

    def disable(self, account: str) -> str:
        """Return the statement that keeps an account out; empty: roles don't come in.

        A Windows group can't be disabled (ALTER LOGIN (Transact-SQL), DISABLE), and a deny to
        it would count for members who come in by other ways: it loses its own way in. guest
        is closed so as well (Principals (Database Engine), The guest user).
        """
        state = self._principals.accounts.get(account)
        if state is None or state.kind not in (
            AccountKind.LOGIN,
            AccountKind.GROUP,
            AccountKind.USER,
        ):
            return ""
        return self._disable_user(state) if state.database else self._disable_login(state)

    def drop(self, account: str) -> str:
        """Return the statement that removes an account; empty: it can't be removed.

        What owns something is not dropped (DROP USER and DROP LOGIN (Transact-SQL), Remarks).
        """
        state = self._principals.accounts.get(account)
        if state is None or is_system(state) or self._is_administrator(account):
            return ""
        if any(grant.privilege == OWNER for grant in state.grants):
            return ""
        database, name = split_account(account)
        statement = f"DROP {_word(state)} {written(name)};"
        return self.within(database, statement) if database else self.on_server(statement)

    def expire(self, account: str) -> str:
        """Return the statement that gives the password of an administrator an end; else empty.

        Expiration needs the password policy (ALTER LOGIN (Transact-SQL), CHECK_EXPIRATION). A
        password that is older than the policy's maximum age has expired at once then: a person
        is asked for a new one, a program stands still. So it is no fix for any other login
        (CIS SQL Server Benchmark 4.2 asks it of members of sysadmin).
        """
        state = self._principals.accounts.get(account)
        if state is None or attribute(state, "type") != SQL_LOGIN or is_logical(state):
            return ""
        principals = self._principals
        is_first = principals.is_first_administrator(account)
        if not (is_first or principals.context(account, "").sysadmin):
            return ""
        name = written(split_account(account)[1])
        return f"ALTER LOGIN {name} WITH CHECK_POLICY = ON, CHECK_EXPIRATION = ON;"

    def hold_to_policy(self, account: str) -> str:
        """Return the statement that turns the password policy on; empty: not a SQL login.

        It turns expiration on as well unless told not to (Password Policy, Policy
        Enforcement), which would lock out who has an old password.
        """
        state = self._principals.accounts.get(account)
        if state is None or attribute(state, "type") != SQL_LOGIN or is_logical(state):
            return ""
        name = written(split_account(account)[1])
        return f"ALTER LOGIN {name} WITH CHECK_POLICY = ON, CHECK_EXPIRATION = OFF;"

    def give_login(self, account: str) -> str:
        """Return the statement that gives a user the SQL login of its name; empty: there is none.

        A database that came from another server has users like that, and what they were granted
        (Troubleshoot orphaned users). A login that is a user already can't be another one.
        """
        database, name = split_account(account)
        login = self._principals.accounts.get(login_name(name))
        if login is None or attribute(login, "type") != SQL_LOGIN:
            return ""
        if self._principals.users_of(login.name, database):
            return ""
        user = written(name)
        return self.within(database, f"ALTER USER {user} WITH LOGIN = {user};")

    def _is_administrator(self, account: str) -> bool:
        """Return whether a login is `sa`, or the server admin, whom Azure alone changes."""
        is_azures = account in self._principals.server_admins
        return is_azures or self._principals.is_first_administrator(account)

    def _is_special(self, account: str) -> bool:
        """Return whether the server lets nobody grant or revoke anything of an account."""
        database, name = split_account(account)
        if database:
            return name in _SPECIAL_USERS
        return self._is_administrator(account)

    def _is_needed(self, account: str, grant: Grant) -> bool:
        """Return whether a grant can't be taken away, or is the last one of its kind."""
        database, name = split_account(account)
        if database and name == GUEST and grant.privilege == "CONNECT":
            return database in _GUEST_STAYS
        if self._is_service(account):
            return True
        is_control = grant.privilege == "CONTROL SERVER" and not grant.deny
        return is_control and not self._principals.other_superusers(account)

    def _is_of_provider(self, grant: Grant) -> bool:
        """Return whether the provider's `sa` granted it, whose grants no customer takes back.

        REVOKE (Transact-SQL), Permissions: who granted it, or who has CONTROL of the server.
        """
        is_first = self._principals.is_first_administrator(grant.grantor)
        return is_first and grant.grantor in _PROVIDERS

    def _is_service(self, account: str) -> bool:
        state = self._principals.accounts.get(account)
        return state is not None and well_known(state) is WellKnown.SERVICE

    def _disable_user(self, user: AccountState) -> str:
        database, name = split_account(user.name)
        if name in _SPECIAL_USERS or (name == GUEST and database in _GUEST_STAYS):
            return ""
        is_closed_by_revoke = name == GUEST or user.kind is AccountKind.GROUP
        verb = "REVOKE CONNECT FROM" if is_closed_by_revoke else "DENY CONNECT TO"
        return self.within(database, f"{verb} {written(name)};")

    def _disable_login(self, login: AccountState) -> str:
        principals = self._principals
        is_providers = principals.is_first_administrator(login.name) and login.name in _PROVIDERS
        is_azures = login.name in principals.server_admins
        if is_azures or is_providers or is_system(login) or is_mapped_to_key(login):
            return ""
        is_superuser = principals.context(login.name, "").sysadmin is not None
        if is_superuser and not principals.other_superusers(login.name):
            return ""
        name = written(split_account(login.name)[1])
        if login.kind is AccountKind.GROUP:
            # ALTER LOGIN can't disable one of Entra, and CONNECT SQL is no permission there.
            return "" if self._is_azures else self.within("", f"REVOKE CONNECT SQL FROM {name};")
        return self.on_server(f"ALTER LOGIN {name} DISABLE;")

    def _revoke(self, verb: str, account: str, grant: Grant) -> str:
        on = self._on(grant.securable)
        if on is None:
            return ""
        what = _permission(grant)
        name = written(split_account(account)[1])
        cascade = " CASCADE" if grant.grantable else ""
        text = f"{verb} {what}{on} FROM {name}{cascade}{self._as(grant)};"
        return self.within(database_of(grant.securable), text)

    def give(self, account: str, grant: Grant) -> str:
        """Return the statement that grants (or denies) a permission, as who did it."""
        on = self._on(grant.securable)
        if on is None:
            return ""
        what = _permission(grant)
        name = written(split_account(account)[1])
        option = " WITH GRANT OPTION" if grant.grantable else ""
        verb = "DENY" if grant.deny else "GRANT"
        text = f"{verb} {what}{on} TO {name}{option}{self._as(grant)};"
        return self.within(database_of(grant.securable), text)

    def give_ownership(self, account: str, securable: Securable) -> str:
        """Return the statement that makes an account the owner of something."""
        of = class_of(securable, self._principals.kind_of)
        on = self._name(of, securable)
        if not on:
            return ""
        text = f"ALTER AUTHORIZATION ON {on} TO {written(split_account(account)[1])};"
        is_servers = of is SecurableClass.DATABASE or not database_of(securable)
        runs_anywhere = is_servers and not self._is_azures
        return text if runs_anywhere else self.within(database_of(securable), text)

    def _on(self, securable: Securable) -> str | None:
        of = class_of(securable, self._principals.kind_of)
        if of is SecurableClass.SERVER:
            return ""
        name = self._name(of, securable)
        return f" ON {name}" if name else None

    def _name(self, of: SecurableClass, securable: Securable) -> str:
        """Return a securable as statements write it; empty: its name is not known."""
        if securable.kind is SecurableKind.OBJECT and not securable.schema:
            word, named, name = securable.name.partition("::")
            is_known = named and word in CLASS_OF_WORD
            return f"{word.removeprefix('SERVICE ')}::{written(name)}" if is_known else ""
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
        on = self._name(of, securable)
        is_servers = of is SecurableClass.DATABASE or not database_of(securable)
        if not on or (of is SecurableClass.DATABASE and database_of(securable) in _FIXED_OWNERS):
            return ""
        if not is_servers:
            to = written(DBO)
            return self.within(database_of(securable), f"ALTER AUTHORIZATION ON {on} TO {to};")
        first = self._principals.first_administrator
        if not first:
            return self._hand_to_server_admin(on, database_of(securable))
        if first in _PROVIDERS:
            return ""
        return f"ALTER AUTHORIZATION ON {on} TO {written(split_account(first)[1])};"

    def _hand_to_server_admin(self, on: str, database: str) -> str:
        """Return the statement that gives a database to the server admin of a logical server.

        It runs in that database (ALTER AUTHORIZATION, for Azure SQL Database).
        """
        for admin in sorted(self._principals.server_admins):
            return self.within(database, f"ALTER AUTHORIZATION ON {on} TO {written(admin)};")
        return ""

    def _as(self, grant: Grant) -> str:
        """Return whose grant it is: without it, REVOKE leaves what another principal granted."""
        database, name = split_account(grant.grantor)
        by_default = name in ("", DBO) or (
            not database and self._principals.is_first_administrator(grant.grantor)
        )
        return "" if by_default else f" AS {written(name)}"


def _word(account: AccountState) -> str:
    if account.kind is AccountKind.APPLICATION_ROLE:
        return "APPLICATION ROLE"
    if account.kind in (AccountKind.ROLE, AccountKind.PUBLIC):
        return "ROLE" if account.database else "SERVER ROLE"
    return "USER" if account.database else "LOGIN"


def in_database(database: str, statement: str) -> str:
    """Return a statement with the database that it must run in.

    Permissions of the server are given and taken in master alone (GRANT Server Permissions
    (Transact-SQL), Remarks).
    """
    return f"USE {written(database or 'master')}; {statement}"


def _in_master(statement: str) -> str:
    return in_azure_database("master", statement)


def _anywhere(statement: str) -> str:
    return statement


def _permission(grant: Grant) -> str:
    """Return a permission as statements have it, with its column where it has one."""
    column = grant.securable.column
    return f"{grant.privilege} ({written(column)})" if column else grant.privilege
