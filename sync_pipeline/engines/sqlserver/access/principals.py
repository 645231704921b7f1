"""Who counts in a permission check: the security context of an account.

The rules are those of Permissions (Database Engine), Summary of the permission check
algorithm, and of Principals (Database Engine). A login counts with its server roles and
`public`; in a database also with its user there (or `guest` where it has none), that user's
roles and the database's `public`. Members of sysadmin and the owner of a database enter it as
`dbo`. A database principal counts with what it is in its own database alone: what its login
holds on the server is a question about the login.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sync_pipeline.engines.access.links import Edge, Link, reach
from sync_pipeline.engines.sqlserver.access.fixed_roles import SERVER_ROLES, SYSADMIN
from sync_pipeline.engines.sqlserver.accounts.lending import lends
from sync_pipeline.engines.sqlserver.accounts.logical import (
    MASTER,
    MASTER_ROLES,
    is_logical,
    is_server_admin,
)
from sync_pipeline.engines.sqlserver.accounts.well_known import SA, WellKnown, well_known
from sync_pipeline.engines.sqlserver.names import (
    login_name,
    principal_name,
    split_account,
)
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, SecurableKind

PUBLIC = "public"
GUEST = "guest"
DBO = "dbo"
OWNER_OF_DATABASE = "owner of the database"
"""How a login becomes dbo."""

_ENTRANCES = frozenset({"CONNECT ANY DATABASE", "CONTROL SERVER"})
_PEOPLE = frozenset({AccountKind.LOGIN, AccountKind.GROUP, AccountKind.USER})


@dataclass(frozen=True, slots=True)
class Context:
    """The principals whose grants and denies count, each by a shortest way.

    `selves` are the account and the user that it is in the database, without roles.
    `sysadmin` is the way to that role, `dbo` that of the owner of the database: what no deny
    can limit, where there is such a way.
    """

    identities: Mapping[str, Link] = field(default_factory=dict)
    selves: frozenset[str] = frozenset()
    sysadmin: Link | None = None
    dbo: Link | None = None

    @property
    def is_unlimited(self) -> bool:
        """Return whether permission checks are bypassed."""
        return self.sysadmin is not None or self.dbo is not None


class Principals:
    """The principals of a world and how they lead to each other."""

    def __init__(self, world: AccessWorld) -> None:
        self.accounts = world.accounts
        self._users: dict[str, dict[str, list[str]]] = {}
        self._owned: dict[str, set[str]] = {}
        self._contexts: dict[tuple[str, str], Context] = {}
        databases = {account.database for account in world.accounts.values()} - {""}
        self._databases = tuple(sorted(databases))
        firsts = (name for name, one in world.accounts.items() if well_known(one) is WellKnown.SA)
        self.first_administrator = next(firsts, "")
        """The login with the identifier of `sa`; empty: it is not among the accounts."""
        self.server_admins = frozenset(
            name for name, one in world.accounts.items() if is_server_admin(one)
        )
        """The server admin of a logical server (Azure SQL Database)."""
        self._master_roles = frozenset(
            name for name, one in world.accounts.items() if one.database and is_logical(one)
        )
        for account in world.accounts.values():
            self._index(account)
        self._guests = {
            database for database in databases if self._is_enabled(principal_name(database, GUEST))
        }

    def _index(self, account: AccountState) -> None:
        login = dict(account.attributes).get("login")
        if account.database and isinstance(login, str) and login:
            users = self._users.setdefault(self._login_account(login), {})
            users.setdefault(account.database, []).append(account.name)
        for grant in account.grants:
            on = grant.securable
            owns = grant.privilege == "OWNER" and on.kind is SecurableKind.DATABASE
            if owns and not account.database:
                self._owned.setdefault(account.name, set()).add(on.database or on.catalog)

    def _login_account(self, login: str) -> str:
        return login if login in self.accounts else login_name(login)

    def kind_of(self, account: str) -> AccountKind | None:
        """Return what an account is, None where the world does not have it."""
        state = self.accounts.get(account)
        return state.kind if state else None

    def is_first_administrator(self, account: str) -> bool:
        """Return whether a login is `sa`, by whatever name; one that is not stored, by its name."""
        if self.first_administrator:
            return account == self.first_administrator
        return account == SA and account not in self.accounts

    def other_superusers(self, account: str) -> tuple[str, ...]:
        """Return who comes in as sysadmin without an account: `sa`, logins of people, groups."""
        return tuple(
            name
            for name, state in self.accounts.items()
            if name != account
            and state.can_login
            and not (state.database or state.is_locked)
            and self._is_superuser_beside(state, account)
        )

    def _is_superuser_beside(self, login: AccountState, account: str) -> bool:
        what = well_known(login)
        if what is WellKnown.SA:
            return True
        is_peoples = what in (WellKnown.NONE, WellKnown.BUILT_IN_GROUP)
        link = self.context(login.name, "").sysadmin if is_peoples else None
        return link is not None and account not in {step.account for step in link.path}

    def login_state(self, login: str) -> AccountState | None:
        """Return a login by the name that a user's attributes give it."""
        return self.accounts.get(self._login_account(login))

    def login_of(self, user: AccountState) -> AccountState | None:
        """Return the login that a database user stands for, where it has one."""
        login = dict(user.attributes).get("login")
        return self.login_state(login) if isinstance(login, str) and login else None

    def users_of(self, login: str, database: str) -> tuple[str, ...]:
        """Return the users that a login is in a database: one, or none."""
        return tuple(sorted(self._users.get(login, {}).get(database, ())))

    def owner_of(self, database: str) -> str:
        """Return the login that owns a database; empty: it is not among the accounts."""
        return next((login for login, owned in self._owned.items() if database in owned), "")

    def lends(self, database: str, name: str) -> bool:
        """Return whether a database is TRUSTWORTHY, or has DB_CHAINING."""
        return lends(self.accounts.get(principal_name(database, DBO)), database, name)

    def owners_of(self, database: str) -> tuple[str, ...]:
        """Return all logins that own a database, as far as was read: one."""
        return tuple(login for login, owned in self._owned.items() if database in owned)

    @property
    def logins_of_users(self) -> Mapping[str, Sequence[str]]:
        """Return the logins of each user."""
        found: dict[str, list[str]] = {}
        for login, databases in self._users.items():
            for users in databases.values():
                for user in users:
                    found.setdefault(user, []).append(login)
        return found

    def owns(self, login: str, database: str) -> bool:
        """Return whether a login owns a database."""
        return database in self._owned.get(login, ())

    def entered(self, account: str) -> tuple[str, ...]:
        """Return the databases in which an account counts as more than a login."""
        state = self.accounts.get(account)
        if state is None or state.database:
            return (state.database,) if state else ()
        server = self.context(account, "")
        if server.sysadmin or self._entrances(server):
            return self._databases
        if self.kind_of(account) not in _PEOPLE:
            return ()
        inside = self._users.get(account, {}).keys() | self._owned.get(account, set())
        return tuple(sorted(inside | self._guests))

    def context(self, account: str, database: str) -> Context:
        """Return who counts when an account does something in a database, or on the server."""
        key = (account, database)
        if key in self._contexts:
            return self._contexts[key]
        found = self._context(account, database)
        if not database or found is not self.context(account, ""):
            self._contexts[key] = found
        return found

    def _context(self, account: str, database: str) -> Context:
        state = self.accounts.get(account)
        if state is None:
            return Context()
        if not state.database:
            if not database:
                return self._login_context(account)
            return self._in_database(account, database, self.context(account, ""))
        if state.database != database:
            there = {} if database else self._master_roles_of(Link(account))
            return Context({account: Link(account), **there}, frozenset({account}))
        return self._user_context(account, Link(account), Context())

    def _login_context(self, login: str) -> Context:
        identities = reach(login, self.memberships)
        if self.kind_of(login) in _PEOPLE:
            identities.setdefault(PUBLIC, Link(login).then(PUBLIC, "every login"))
        for user in self.users_of(login, MASTER):
            identities.update(self._master_roles_of(Link(login).then(user, "user")))
        sysadmin = Link(login) if login in self.server_admins else identities.get(SYSADMIN)
        return Context(identities, frozenset({login}), sysadmin=sysadmin)

    def _master_roles_of(self, user: Link) -> dict[str, Link]:
        """Return the roles of master that act on a logical server, which a user of it reaches."""
        if not self._master_roles:
            return {}
        reached = reach(user, self.memberships)
        return {name: way for name, way in reached.items() if name in self._master_roles}

    def acts_on_server(self, account: str) -> bool:
        """Return whether a principal of master has, or is, a role that acts on the server."""
        return not self._master_roles.isdisjoint(self.context(account, "").identities)

    def may_be_entra_admin(self, account: str) -> bool:
        """Return whether a principal may be the Microsoft Entra admin of a logical server.

        Azure keeps who that is. An Entra user or group of master without a login may be the one.
        """
        state = self.accounts.get(account)
        is_external = state is not None and str(dict(state.attributes).get("type")).startswith(
            "EXT"
        )
        is_of_master = state is not None and state.database == MASTER
        return bool(self._master_roles and is_of_master and is_external) and not (
            state and self.login_of(state)
        )

    def _in_database(self, login: str, database: str, server: Context) -> Context:
        dbo = principal_name(database, DBO)
        users = self.users_of(login, database)
        if self.owns(login, database) or dbo in users:
            owner = Link(login).then(dbo, OWNER_OF_DATABASE)
            return self._user_context(dbo, owner, server)
        if server.sysadmin:
            is_admins = login in self.server_admins
            how = "the server admin is dbo" if is_admins else "sysadmin is dbo"
            link = server.sysadmin.then(dbo, how)
            return replace(self._user_context(dbo, link, server), dbo=None)
        if self.kind_of(login) not in _PEOPLE:
            return server
        if users:
            return self._user_context(users[0], Link(login).then(users[0], "user"), server)
        guest = principal_name(database, GUEST)
        if self._is_enabled(guest):
            return self._user_context(guest, Link(login).then(guest, "has no user"), server)
        return self._without_user(database, server)

    def _user_context(self, user: str, link: Link, server: Context) -> Context:
        """Return the context of a user, beside that of the login that it is."""
        identities = dict(server.identities)
        for account, way in reach(link, self.memberships).items():
            identities.setdefault(account, way)
        database, name = split_account(user)
        state = self.accounts.get(user)
        if state is None or state.kind in (*_PEOPLE, AccountKind.APPLICATION_ROLE):
            public = principal_name(database, PUBLIC)
            identities.setdefault(public, link.then(public, "every user"))
        return Context(
            identities,
            server.selves | {user},
            server.sysadmin,
            dbo=link if name == DBO else None,
        )

    def _without_user(self, database: str, server: Context) -> Context:
        """Return the context of a login that enters a database by a permission of the server."""
        entered = self._entrances(server)
        if not entered:
            return server
        public = principal_name(database, PUBLIC)
        nearest = min(entered, key=lambda link: link.length)
        link = nearest.then(public, "every user")
        return Context({**server.identities, public: link}, server.selves)

    def _entrances(self, server: Context) -> list[Link]:
        return [link for who, link in server.identities.items() if self._lets_in(who)]

    def _lets_in(self, account: str) -> bool:
        held = {grant.privilege for grant in self.grants(account) if not grant.deny}
        return not _ENTRANCES.isdisjoint(held | set(self.fixed(account)))

    def fixed(self, account: str) -> tuple[str, ...]:
        """Return what a fixed server role may do; a principal that only has its name is none.

        Before 2022, the names of its ten new roles are anybody's.
        """
        if account in self._master_roles:
            return MASTER_ROLES[split_account(account)[1]]
        state = self.accounts.get(account)
        if state is not None and dict(state.attributes).get("is_fixed_role") is False:
            return ()
        return SERVER_ROLES.get(account, ())

    def _is_enabled(self, guest: str) -> bool:
        """Return whether guest may connect (Principals (Database Engine), The guest user)."""
        return any(grant.privilege == "CONNECT" and not grant.deny for grant in self.grants(guest))

    def grants(self, account: str) -> Iterable[Grant]:
        """Return the grants and denies of one account itself."""
        state = self.accounts.get(account)
        return state.grants if state else ()

    def memberships(self, account: str) -> Iterable[Edge]:
        """Return the roles that an account is itself a member of."""
        state = self.accounts.get(account)
        memberships = state.memberships if state else ()
        return sorted({(membership.role, "member") for membership in memberships})
