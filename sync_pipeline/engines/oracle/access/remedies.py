"""The statements that take access away. Pure; nothing here runs them.

SQL Language Reference: REVOKE, GRANT, ALTER USER, ALTER PROFILE, DROP USER, DROP ROLE.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sync_pipeline.engines.oracle.access.grants import table_key
from sync_pipeline.engines.oracle.access.names import SYS, container_of, identifier, local_name
from sync_pipeline.engines.oracle.access.roles import is_public, is_user
from sync_pipeline.engines.oracle.access.status import attribute, authentication_of
from sync_pipeline.engines.oracle.accounts.privileges import HIERARCHY
from sync_pipeline.engines.oracle.accounts.proxies import OF_DIRECTORY
from sync_pipeline.engines.oracle.names import PUBLIC, is_common
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant, GrantScope, Membership, Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

_ROOT = "CDB$ROOT"
_DEFAULT_PROFILE = "DEFAULT"
_LIFE_TIME_DAYS = 180
"""What PASSWORD_LIFE_TIME is in the profile DEFAULT of a new database (CREATE PROFILE)."""

_CLAUSES = {
    Kind.EDITION: ("EDITION", False),
    Kind.MINING_MODEL: ("MINING MODEL", True),
    Kind.TRANSLATION_PROFILE: ("SQL TRANSLATION PROFILE", True),
}
"""Kinds with a clause of their own, and whether it takes a schema (GRANT, on_object_clause)."""

# Privileges on a user, which have a clause of their own (GRANT, ON USER).
_ON_USER = frozenset({"INHERIT PRIVILEGES", "INHERIT REMOTE PRIVILEGES", "TRANSLATE SQL"})


class Remedies:
    """Statements for the accounts of one world, each for the container it belongs to."""

    def __init__(self, world: AccessWorld) -> None:
        self._world = world
        self._is_managed = world.platform.is_managed

    def _within(self, container: str, statements: Iterable[str]) -> str:
        """Return statements with their container; none in the root of a service.

        Its customers get one pluggable database, and no root.
        """
        if self._is_managed and container == _ROOT:
            return ""
        return in_container(container, statements)

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant away.

        REVOKE names no columns: it takes the privilege from the whole table, so what is to
        stay is granted again. A common grant is taken away where it was made, in all
        containers (REVOKE, CONTAINER). Customers of a service revoke nothing of what is on
        objects of SYS.
        """
        container = container_of(grant.securable)
        if self._is_managed and grant.securable.schema == SYS:
            return ""
        if grant.securable.kind is Kind.ACCOUNT:
            proxy = local_name(account, container)
            is_directory = grant.privilege == OF_DIRECTORY
            return revoke_proxy(grant.securable.name, "" if is_directory else proxy, container)
        grantee = self.written(account, container)
        if grant.securable.kind is Kind.TABLESPACE:
            quota = f"ALTER USER {grantee} QUOTA 0 ON {identifier(grant.securable.name)};"
            return in_container(container, [quota])
        return self._within(
            made_in(container, grant.scope),
            _revoke_but(grant, self._kept(account, grant), grantee),
        )

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statements that take only the grant or admin option away.

        GRANT, WITH GRANT OPTION and WITH ADMIN OPTION: only by taking the privilege away
        and granting it again without.
        """
        container = container_of(grant.securable)
        grantee = self.written(account, container)
        again = replace(grant, privilege=self._with_hierarchy(account, grant), grantable=False)
        kept = (*self._kept(account, grant), again)
        where = made_in(container, grant.scope)
        return self._within(where, _revoke_but(grant, kept, grantee))

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away."""
        container = self.container(account)
        role = self.written(membership.role, container)
        grantee = self.written(account, container)
        statement = f"REVOKE {role} FROM {grantee}{everywhere(membership.scope)};"
        return self._within(made_in(container, membership.scope), [statement])

    def disable(self, account: str) -> str:
        """Return the statement that locks an account; empty for roles and for SYS.

        Roles can't log in, and SYS comes in by the operating system all the same.
        The state of a common user is one for all containers (ALTER USER, CONTAINER).
        """
        state = self._world.accounts.get(account)
        if state is None or not is_user(state) or local_name(account, state.database) == SYS:
            return ""
        statement = f"ALTER USER {self.written(account, state.database)} ACCOUNT LOCK"
        everywhere = " CONTAINER = ALL" if is_common_account(state) else ""
        return self._within(home(state), [f"{statement}{everywhere};"])

    def drop(self, account: str) -> str:
        """Return the statement that removes an account.

        Without CASCADE, so that a user who owns objects is not removed with them; a common
        one is removed in the root (DROP USER, DROP ROLE).
        """
        state = self._world.accounts.get(account)
        if state is None or is_public(state):
            return ""
        kind = "USER" if is_user(state) else "ROLE"
        statement = f"DROP {kind} {self.written(account, state.database)};"
        return self._within(home(state), [statement])

    def expire(self, account: str) -> str:
        """Return the statement that gives an account's password an end.

        A profile of the same container with a limit where one is in use, DEFAULT first;
        otherwise the limit is set in the account's own profile, in the root where that is a
        common one (ALTER PROFILE, CONTAINER). Empty where there is no password.
        """
        state = self._world.accounts.get(account)
        if state is None or not is_user(state) or authentication_of(state) != "PASSWORD":
            return ""
        profile = self._profile_with_limit(state.database)
        if profile:
            user = self.written(account, state.database)
            statement = f"ALTER USER {user} PROFILE {written_profile(profile)};"
        else:
            name = str(attribute(state, "profile") or _DEFAULT_PROFILE)
            limit = (
                f"ALTER PROFILE {written_profile(name)} LIMIT PASSWORD_LIFE_TIME {_LIFE_TIME_DAYS}"
            )
            if is_common(name):
                return self._within(_ROOT, [f"{limit} CONTAINER = ALL;"])
            statement = f"{limit};"
        return in_container(state.database, [statement])

    def _profile_with_limit(self, container: str) -> str:
        limited = {
            str(attribute(state, "profile"))
            for state in self._world.accounts.values()
            if state.database == container
            and attribute(state, "profile")
            and str(attribute(state, "password_life_time") or "").replace(".", "", 1).isdigit()
        }
        if _DEFAULT_PROFILE in limited:
            return _DEFAULT_PROFILE
        return min(limited, default="")

    def _kept(self, account: str, grant: Grant) -> tuple[Grant, ...]:
        """Return the grants that a REVOKE takes away beside the one it is meant for."""
        on = grant.securable
        state = self._world.accounts.get(account)
        if state is None or not (on.column or _is_table(on)):
            return ()
        return tuple(
            other
            for other in sorted(state.grants)
            if other != grant
            and other.privilege == grant.privilege
            and other.grantor == grant.grantor
            and other.scope == grant.scope
            and (other.securable.column or on.column)
            and table_key(other.securable) == table_key(on)
        )

    def _with_hierarchy(self, account: str, grant: Grant) -> str:
        """Return the privilege with the hierarchy option where the account has it too."""
        state = self._world.accounts.get(account)
        extended = grant.privilege + HIERARCHY
        has_it = state is not None and any(
            other.privilege == extended and other.securable == grant.securable
            for other in state.grants
        )
        return extended if has_it else grant.privilege

    def written(self, account: str, container: str) -> str:
        """Return an account, a role or PUBLIC as statements of its container write it."""
        name = local_name(account, container)
        return PUBLIC if name == PUBLIC else identifier(name)

    def container(self, account: str) -> str:
        """Return the container of an account; empty: there is but one."""
        state = self._world.accounts.get(account)
        return state.database if state else ""


def revoke_proxy(client: str, proxy: str, container: str) -> str:
    """Return the statement that keeps a proxy, or the users of a directory, from connecting."""
    who = identifier(proxy) if proxy else "ENTERPRISE USERS"
    statement = f"ALTER USER {identifier(client)} REVOKE CONNECT THROUGH {who};"
    return in_container(container, [statement])


def in_container(container: str, statements: Iterable[str]) -> str:
    """Return statements with the container that they are run in."""
    switch = [f"ALTER SESSION SET CONTAINER = {identifier(container)};"] if container else []
    return "\n".join([*switch, *statements])


def made_in(container: str, scope: GrantScope) -> str:
    """Return the container in which a grant was made.

    An inherited one was made in the root, and so was a common one of the root's own catalog. A
    common grant of another container is one of an application root.
    """
    if scope is GrantScope.INHERITED or (scope is GrantScope.COMMON and not container):
        return _ROOT
    return container


def everywhere(scope: GrantScope) -> str:
    """Return the clause of what was granted in all containers."""
    return " CONTAINER = ALL" if scope else ""


def _revoke_but(grant: Grant, kept: Iterable[Grant], grantee: str) -> list[str]:
    """Return the statements that take a privilege away and grant again what is to stay.

    Only who granted an object privilege can revoke it (REVOKE, prerequisites).
    """
    schema = grant.securable.schema
    is_foreign = grant.securable.kind is not Kind.SCHEMA and grant.grantor not in {"", schema}
    comment = (
        [f"-- As {identifier(grant.grantor)}, who granted it."] if schema and is_foreign else []
    )
    revoke = f"REVOKE {_privilege(grant)}{_on(grant)} FROM {grantee}{everywhere(grant.scope)};"
    return [*comment, revoke, *(grant_again(other, grantee) for other in kept)]


def _privilege(grant: Grant) -> str:
    return grant.privilege.removesuffix(HIERARCHY)


def grant_again(grant: Grant, grantee: str) -> str:
    """Return the statement that gives a grant with its options."""
    column = f" ({identifier(grant.securable.column)})" if grant.securable.column else ""
    options = HIERARCHY if grant.privilege.endswith(HIERARCHY) else ""
    if grant.grantable:
        is_admin = grant.securable.kind in {Kind.SERVER, Kind.SCHEMA}
        options += " WITH ADMIN OPTION" if is_admin else " WITH GRANT OPTION"
    where = everywhere(grant.scope)
    return f"GRANT {_privilege(grant)}{column}{_on(grant)} TO {grantee}{options}{where};"


def _on(grant: Grant) -> str:
    """Return the ON clause of GRANT and REVOKE; empty for a system privilege."""
    securable = grant.securable
    if securable.kind is Kind.SERVER:
        return ""
    if securable.kind is Kind.SCHEMA:
        return f" ON SCHEMA {identifier(securable.schema)}"
    if securable.kind is Kind.DIRECTORY:
        return f" ON DIRECTORY {identifier(securable.name)}"
    if securable.kind in _CLAUSES or (securable.kind is Kind.OBJECT and grant.privilege == "USE"):
        clause, has_schema = _CLAUSES.get(securable.kind, _CLAUSES[Kind.EDITION])
        schema = f"{identifier(securable.schema)}." if has_schema else ""
        return f" ON {clause} {schema}{identifier(securable.name)}"
    if grant.privilege in _ON_USER:
        return f" ON USER {identifier(securable.name)}"
    return f" ON {identifier(securable.schema)}.{identifier(securable.name)}"


def _is_table(securable: Securable) -> bool:
    return securable.kind in {Kind.TABLE, Kind.VIEW, Kind.MATERIALIZED_VIEW}


def is_common_account(state: AccountState) -> bool:
    """Return whether an account is one of all containers."""
    return attribute(state, "is_common") is True


def home(state: AccountState) -> str:
    """Return the container in which an account's own state is changed."""
    return _ROOT if is_common_account(state) else state.database


def written_profile(name: str) -> str:
    """Return the name of a profile as statements write it."""
    return name if name == _DEFAULT_PROFILE else identifier(name)
