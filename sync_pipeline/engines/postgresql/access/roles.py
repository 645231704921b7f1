"""PostgreSQL's roles: whose privileges an account has, and which roles it may become. Pure.

The rules are those of the manual's chapter "Database Roles" (Role Attributes, Role
Membership, Predefined Roles) and of its pages GRANT and SET ROLE.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from sync_pipeline.engines.access.callbacks import weakly
from sync_pipeline.engines.access.links import (
    Edge,
    Link,
    chain,
    members_of,
    reach,
    with_members,
)
from sync_pipeline.engines.postgresql.access.catalogs import makes_superuser
from sync_pipeline.engines.postgresql.access.stored import StoredRoles
from sync_pipeline.engines.postgresql.accounts.parse import BOOTSTRAP_NAME, OWNERSHIP, PUBLIC
from sync_pipeline.engines.postgresql.accounts.predefined import (
    BUILT_IN,
    DATABASE_OWNER,
    PUBLIC_SCHEMA,
    empty_roles,
)
from sync_pipeline.engines.postgresql.platform import provider_accounts, stand_in
from sync_pipeline.model.access import AccessWorld, Availability, Path, Step
from sync_pipeline.model.account import AttributeValue
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

OPTIONS_SINCE = 16
"""From this major version a membership says itself whether it inherits and may be set."""

MEMBER = "member"
SET_ROLE = "member, set role"
_BUILT_IN = {role: tuple(map(Membership, sorted(held))) for role, held in BUILT_IN.items()}
"""Memberships that initdb makes; they hold where the role itself is not kept."""


class Reached(NamedTuple):
    """A role whose privileges an account has, by a way.

    `acting` is the role of the session while they are in force: that in which it logs in,
    or the role that it has set. Only that role's own attributes count.
    """

    link: Link
    acting: str
    is_at_login: bool = True

    @property
    def path(self) -> Path:
        """Return the steps of the way."""
        return self.link.path

    @property
    def availability(self) -> Availability:
        """Return whether the account must set a role first."""
        return Availability.AT_LOGIN if self.is_at_login else Availability.AFTER_SET_ROLE


class RoleGraph:
    """The memberships of a world, those that are implied included."""

    def __init__(self, world: AccessWorld) -> None:
        self.accounts = world.accounts
        self.platform = world.platform
        self.stand_in = stand_in(world.platform)
        self._providers = provider_accounts(world.platform)
        everyone = world.accounts.get(PUBLIC)
        self._empty_roles = empty_roles(dict(everyone.attributes) if everyone else {})
        self.major = _major(world.version)
        self._attributes: dict[str, Mapping[str, AttributeValue]] = {}
        kept = {name: account.memberships for name, account in world.accounts.items()}
        self._memberships = {**_BUILT_IN, **kept}
        self._database_owners = dict(_database_owners(world))
        self._stored = StoredRoles(world.accounts, weakly(self.settable))
        self._plain: dict[str | Path, Mapping[str, Reached]] = {}
        self._in_database: dict[tuple[str, str], Mapping[str, Reached]] = {}
        self._in_role: dict[tuple[str, str], Mapping[str, Reached]] = {}
        self._settable: dict[str, Mapping[str, Link]] = {}
        self._member_of: dict[str, Mapping[str, Link]] = {}
        # Then what may be set is in force at login, and need not be walked through.
        self._is_all_inherited = all(
            self.does_inherit(name, item)
            for name, items in self._memberships.items()
            for item in items
        )
        self._superusers = {name for name, state in world.accounts.items() if state.is_superuser}
        self._members_by: dict[str, set[str]] | None = None
        self._writing: dict[str, tuple[Grant, ...]] = {}
        self._near: dict[str, Collection[str]] = {}

    @property
    def has_options(self) -> bool:
        """Return whether memberships have INHERIT and SET options of their own."""
        return self.major >= OPTIONS_SINCE

    def attribute(self, role: str, name: str) -> AttributeValue:
        """Return an attribute of a role; None where the role is not kept."""
        if role not in self._attributes:
            state = self.accounts.get(role)
            self._attributes[role] = dict(state.attributes) if state else {}
        return self._attributes[role].get(name)

    def is_superuser(self, role: str) -> bool:
        """Return whether the role itself has SUPERUSER; its members do not inherit it."""
        account = self.accounts.get(role)
        return account is not None and account.is_superuser

    def is_bootstrap(self, role: str) -> bool:
        """Return whether initdb made a role: its identifier is 10 (pg_authid.dat), on every server.

        initdb names it after the system's user, which packages call postgres; services and
        people give it other names, and the usual one to others. On a managed service it is the
        provider's, so that one of the usual name is a customer's.
        """
        said = self.attribute(role, "is_bootstrap")
        if said is None:
            return role == BOOTSTRAP_NAME and not self.platform.is_managed
        return bool(said)

    def must_stay(self, role: str) -> str:
        """Return why a role stays a superuser; empty: it could lose that.

        ALTER ROLE (16 and newer): "The bootstrap superuser must have the SUPERUSER attribute".
        """
        if self.is_bootstrap(role):
            return "it is the role that initdb made, which the server keeps as a superuser"
        if self._is_last_superuser(role):
            return "nobody would be left who may do everything"
        if self._is_last_administrator(role):
            return "nobody of yours would be left who administers the server"
        return ""

    def is_last(self, role: str) -> bool:
        """Return whether nobody else who logs in may do everything, or administers a service."""
        return self._is_last_superuser(role) or self._is_last_administrator(role)

    def _is_last_superuser(self, role: str) -> bool:
        return self.is_superuser(role) and not self._other_superusers(role)

    def writing_accounts(self, role: str) -> tuple[Grant, ...]:
        """Return the grants by which a role itself could make anybody a superuser."""
        if role not in self._writing:
            account = self.accounts.get(role)
            grants = account.grants if account else ()
            self._writing[role] = tuple(filter(makes_superuser, grants))
        return self._writing[role]

    def is_providers(self, role: str) -> bool:
        """Return whether a role is the provider's of a managed service."""
        return role in self._providers

    def may_be_altered(self, role: str) -> bool:
        """Return whether an account of the customer's may alter a role, or drop it.

        CREATE ROLE (16 and newer): CREATEROLE alters the roles on which it has ADMIN OPTION. On a
        managed service nobody else may, for the superuser is the provider's.
        """
        if not (self.platform.is_managed and self.has_options):
            return not self.is_providers(role)
        return any(
            item.role == role and item.admin
            for name, items in self._memberships.items()
            if not self.is_providers(name)
            for item in items
        )

    def gives_last_administrator(self, account: str, role: str) -> bool:
        """Return whether without a role nobody of the customer's would administer the server."""
        is_way = bool(self.stand_in) and self.stand_in in {role, *self.member_of(role)}
        return is_way and self._is_last_administrator(account)

    def _is_last_administrator(self, role: str) -> bool:
        """Return whether an account alone has the stand-in for a superuser and may log in."""
        if not self.stand_in:
            return False
        able = [
            name
            for name, state in self.accounts.items()
            if state.can_login and not self.is_providers(name)
            if self.stand_in in self.member_of(name)
        ]
        return able == [role]

    def given_by(self, account: str) -> tuple[str, ...]:
        """Return the members of roles to whom an account gave these."""
        if self._members_by is None:
            found: dict[str, set[str]] = defaultdict(set)
            for name, memberships in self._memberships.items():
                for item in memberships:
                    found[item.grantor].add(name)
            # Whole: another thread may ask meanwhile.
            self._members_by = found
        return tuple(self._members_by.get(account, ()))

    @property
    def database_owners(self) -> tuple[str, ...]:
        """Return who owns a database."""
        return tuple(self._database_owners.values())

    @property
    def superusers(self) -> Collection[str]:
        """Return the roles that have SUPERUSER themselves."""
        return self._superusers

    @property
    def has_stored_roles(self) -> bool:
        """Return whether a session of any account begins in another role, which is stored."""
        return self._stored.is_any

    def _other_superusers(self, role: str) -> bool:
        return any(
            state.is_superuser and state.can_login
            for name, state in self.accounts.items()
            if name != role
        )

    def memberships(self, role: str) -> tuple[Membership, ...]:
        """Return the roles that a role was granted; one role by each of its grantors."""
        return self._memberships.get(role, ())

    def does_inherit(self, member: str, membership: Membership) -> bool:
        """Return whether a member has the role's privileges without SET ROLE.

        From 16 the grant's own option says so, before it the member's INHERIT attribute.
        """
        if membership.inherit is not None:
            return membership.inherit
        return self._inherits(member)

    def can_set(self, membership: Membership) -> bool:
        """Return whether a member may become the role; before 16 every member may."""
        return membership.set_role is not False

    def settable(self, account: str) -> Mapping[str, Link]:
        """Return the roles that a session of the account may become, itself first.

        SET ROLE asks what the session's user is a member of, whatever role is set.
        """
        if account not in self._settable:
            self._settable[account] = reach(account, self._set_edges)
        return self._settable[account]

    def reached(self, account: str, database: str = "") -> Mapping[str, Reached]:
        """Return every role whose privileges the account has, or can have by SET ROLE.

        What it has at login is that of the role in which it logs in (`logins`); without a
        database, of all of these. PUBLIC is among them. In a database its owner has
        `pg_database_owner` too; without one, whoever owns any database has it. A role that
        is reached at login is given by that path, however much shorter the way through SET
        ROLE is.
        """
        key = (account, database)
        if key not in self._in_database:
            first, *others = self.logins(account, database)
            found = self._logged_in(first, database)
            self._in_database[key] = self._best(found, others, database) if others else found
        return self._in_database[key]

    def _best(
        self, found: Mapping[str, Reached], others: Sequence[Path], database: str
    ) -> Mapping[str, Reached]:
        best = dict(found)
        for login in others:
            for role, way in self._logged_in(login, database).items():
                if role not in best or _rank(way) < _rank(best[role]):
                    best[role] = way
        return best

    def in_role(self, role: str, database: str = "") -> Mapping[str, Reached]:
        """Return what a session has that acts as a role, whatever is stored for it.

        That is also what an account has before it is logged in, when CONNECT is asked for.
        """
        key = (role, database)
        if key not in self._in_role:
            self._in_role[key] = self._logged_in((Step(role),), database)
        return self._in_role[key]

    def logins(self, account: str, database: str = "") -> tuple[Path, ...]:
        """Return the paths to the roles in which the account's sessions begin.

        One in a database; without one, that of each database that has its own, and that of
        the others.
        """
        return self._stored.logins(account, database)

    def acting(self, account: str, database: str = "") -> Iterator[Reached]:
        """Yield the roles that a session of the account can act as, those at login first."""
        at_login = {login[-1].account: login for login in self.logins(account, database)}
        for role, login in at_login.items():
            yield Reached(chain(login), role)
        for role, link in self.settable(account).items():
            if role not in at_login:
                yield Reached(link, role, is_at_login=False)

    def member_of(self, account: str) -> Mapping[str, Link]:
        """Return every role that the account is a member of, whatever the options."""
        if account not in self._member_of:
            found = reach(account, self._member_edges)
            self._member_of[account] = self._with_database_owner(found)
        return self._member_of[account]

    def may_become(self, account: str) -> Mapping[str, Link]:
        """Return what SET ROLE takes, `pg_database_owner` of any database included."""
        return self._with_database_owner(self.settable(account))

    def superuser(self, account: str, database: str = "") -> Reached | None:
        """Return how the account gets to be a superuser, by itself where it is one."""
        if not self._stored.is_any and (
            account not in self._near_superusers
            or self._superusers.isdisjoint(self._acts_as(account))
        ):
            return None
        ways = self.acting(account, database)
        return next((way for way in ways if self.is_superuser(way.acting)), None)

    def may_reach(self, account: str, role: str) -> bool:
        """Return whether an account might have what a role has, by any kind of membership."""
        if role in (PUBLIC, DATABASE_OWNER):
            return True
        if role not in self._near:
            self._near[role] = with_members((role,), self.members)
        return account in self._near[role]

    @cached_property
    def members(self) -> Mapping[str, Sequence[str]]:
        """Return, by role, those to whom it was granted itself."""
        return members_of(self._memberships.items())

    @cached_property
    def _near_superusers(self) -> Collection[str]:
        return with_members(self._superusers, self.members)

    def _acts_as(self, account: str) -> Mapping[str, object]:
        """Return what holds each role that a session of the account may become."""
        return self.in_role(account) if self._is_all_inherited else self.settable(account)

    def is_superuser_always(self, account: str) -> bool:
        """Return whether the account is a superuser in whatever database it logs in."""
        return all(self.is_superuser(login[-1].account) for login in self.logins(account))

    def not_kept(self, account: str, database: str, on: Securable | None = None) -> tuple[str, ...]:
        """Return the roles that count for the account and of which the world lacks something.

        A predefined role to which nothing was granted is known without its state; the owner of a
        database is so but for its schema public (`on`; None: for anything).
        """
        reached = self.reached(account, database)
        is_about_schema = on is None or (
            on.schema == PUBLIC_SCHEMA and on.kind is SecurableKind.SCHEMA
        )
        known = self._empty_roles - {DATABASE_OWNER} if is_about_schema else self._empty_roles
        return tuple(
            sorted(role for role in reached if role not in self.accounts and role not in known)
        )

    def _logged_in(self, login: Path, database: str) -> Mapping[str, Reached]:
        """Return what a session has that begins at the end of a path."""
        # A login as oneself goes by the name: paths are slow to compare.
        key = login if len(login) > 1 else login[0].account
        if key not in self._plain:
            self._plain[key] = self._without_database(login)
        plain = self._plain[key]
        owned = self._owned(plain, database)
        return {**plain, DATABASE_OWNER: self._as_owner(plain, owned)} if owned else plain

    def _without_database(self, login: Path) -> dict[str, Reached]:
        account, at = login[0].account, login[-1].account
        found = {
            role: Reached(link, at)
            for role, link in reach(chain(login), self._inherit_edges).items()
        }
        if account != PUBLIC:
            found[PUBLIC] = Reached(Link(account).then(PUBLIC, "everyone"), at)
        if not self._is_all_inherited:
            self._add_by_set_role(account, found)
        return found

    def _add_by_set_role(self, account: str, found: dict[str, Reached]) -> None:
        """Add what comes after SET ROLE, by the shortest way of all roles that may be set.

        Of ways of one length, that of the role which is nearest, and named first, counts. Roles
        are looked at by the length of their ways, so that each is looked at once, however many
        may be set: a shortest way goes through shortest ways.
        """
        acting = deque(self.settable(account).items())
        level: list[tuple[str, Reached]] = []
        length = 0
        while acting or level:
            length += 1
            further: list[tuple[str, Reached]] = []
            for role, way in level:
                for neighbour, how in self._inherit_edges(role):
                    if neighbour not in found:
                        reached = Reached(
                            way.link.then(neighbour, how), way.acting, is_at_login=False
                        )
                        found[neighbour] = reached
                        further.append((neighbour, reached))
            while acting and acting[0][1].length == length:
                role, link = acting.popleft()
                if role not in found:
                    found[role] = Reached(link, role, is_at_login=False)
                    further.append((role, found[role]))
            level = further

    def _databases(self, database: str) -> tuple[str, ...]:
        return (database,) if database else tuple(self._database_owners)

    def _owned(self, plain: Mapping[str, Reached], database: str) -> str | None:
        """Return a database of which the account is the owner, at login where there is one."""
        if not self._database_owners:
            return None
        owned = [
            name
            for name in self._databases(database)
            if self._database_owners.get(name, "") in plain
        ]
        at_login = (name for name in owned if plain[self._database_owners[name]].is_at_login)
        return next(at_login, owned[0] if owned else None)

    def _with_database_owner(self, found: Mapping[str, Link]) -> Mapping[str, Link]:
        for database, owner in self._database_owners.items():
            if owner in found:
                return {**found, DATABASE_OWNER: _as_owner_of(database, found[owner])}
        return found

    def _as_owner(self, plain: Mapping[str, Reached], database: str) -> Reached:
        """Return how one has `pg_database_owner`, whose only member is the owner.

        Before 16 the owner's INHERIT attribute counts for it as for every membership.
        """
        owner = self._database_owners[database]
        way = plain[owner]
        link = _as_owner_of(database, way.link)
        is_inherited = self.has_options or self._inherits(owner)
        if is_inherited:
            return Reached(link, way.acting, way.is_at_login)
        return Reached(link, DATABASE_OWNER, is_at_login=False)

    def _inherits(self, role: str) -> bool:
        return self.attribute(role, "inherits") is not False

    def _inherit_edges(self, role: str) -> Iterator[Edge]:
        for item in self.memberships(role):
            if self.does_inherit(role, item):
                yield item.role, MEMBER

    def _set_edges(self, role: str) -> Iterator[Edge]:
        return ((item.role, SET_ROLE) for item in self.memberships(role) if self.can_set(item))

    def _member_edges(self, role: str) -> Iterator[Edge]:
        return ((item.role, MEMBER) for item in self.memberships(role))


def _rank(way: Reached) -> tuple[bool, int]:
    return (not way.is_at_login, way.link.length)


def _as_owner_of(database: str, link: Link) -> Link:
    return link.then(DATABASE_OWNER, f"owner of database {database}")


def _database_owners(world: AccessWorld) -> Iterator[tuple[str, str]]:
    for name, account in world.accounts.items():
        for grant in account.grants:
            if grant.privilege == OWNERSHIP and grant.securable.kind is SecurableKind.DATABASE:
                yield grant.securable.database, name


def _major(version: str) -> int:
    """Return the major version of `server_version` (`16.2`, `19beta1`); 0: unreadable."""
    digits = re.match(r"\d+", version)
    return int(digits[0]) if digits else 0
