"""Which roles an account has, how it gets to each, and when they are active.

Database Security Guide, "About User Roles" and "Specifying the Type of Role
Authorization"; SQL Language Reference, SET ROLE and ALTER USER (DEFAULT ROLE).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.oracle.access.names import local_name
from sync_pipeline.engines.oracle.access.predefined import PREDEFINED_ROLES
from sync_pipeline.engines.oracle.access.status import authentication_of
from sync_pipeline.engines.oracle.accounts.proxies import Entry, entry_of, is_through
from sync_pipeline.engines.oracle.names import PUBLIC, account_name, part
from sync_pipeline.model.access import AccessWorld, Availability, Path
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Membership

EVERYONE = "everyone"
AS_PROXY = "connects through"
"""How one gets to an account as which one connects, by one's own password."""

# DBA_ROLES.AUTHENTICATION_TYPE of roles that something must allow: how one gets to such a
# role, and what that is. CREATE ROLE: only its package enables a role IDENTIFIED USING one.
_SECURED = {
    "PASSWORD": ("password role", "the password of role {role}"),
    "EXTERNAL": ("external role", "an operating system or network service that allows {role}"),
    "APPLICATION": (
        "application role",
        "the package of role {role}: no person can enable the role",
    ),
}
# SET ROLE: global roles are enabled at login, by the directory.
_GLOBAL = "GLOBAL"


@dataclass(frozen=True, slots=True)
class Way:
    """How an account comes to hold what another account or a role holds.

    `user` is the account whose session it is: itself, or the one that it connects as, by
    `entry`, which is then the second of the way.
    """

    link: Link
    account: str
    user: str
    lacking: tuple[str, ...] = ()
    needs_set_role: bool = False
    entry: Entry | None = None

    @property
    def path(self) -> Path:
        """Return the steps from the account to the holder."""
        return self.link.path

    @property
    def holder(self) -> str:
        """Return the account at the way's end."""
        return self.link.account

    @property
    def is_direct(self) -> bool:
        """Return whether the account whose session it is is the holder itself."""
        return self.link.length == (2 if self.entry else 1)

    @property
    def availability(self) -> Availability:
        """Return when the holder's privileges are in force."""
        return Availability.AFTER_SET_ROLE if self.needs_set_role else Availability.AT_LOGIN

    @property
    def rank(self) -> tuple[bool, int, int, _Names]:
        """Return the sort key: in force at login, then with least to do, then shortest."""
        return (self.needs_set_role, len(self.lacking), self.link.length, _Names(self.link))


@dataclass(frozen=True, slots=True, eq=False)
class _Names:
    """The accounts on a way, which are looked at only where all else is alike."""

    link: Link

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Names) and self.named == other.named

    def __hash__(self) -> int:
        return hash(self.named)

    def __lt__(self, other: _Names) -> bool:
        return self.named < other.named

    @property
    def named(self) -> tuple[str, ...]:
        """Return the accounts, the first one first."""
        return tuple(step.account for step in self.link.path)


@dataclass(frozen=True, slots=True)
class _Edge:
    to: str
    how: str
    needs_set_role: bool = False
    lacking: tuple[str, ...] = ()
    entry: Entry | None = None


class RoleGraph:
    """The accounts of a world and the roles they have, each in its own container."""

    def __init__(self, world: AccessWorld) -> None:
        self._world = world
        self._ways: dict[str, tuple[Way, ...]] = {}

    def ways(self, account: str) -> tuple[Way, ...]:
        """Return the best way to everything that the account holds, best first, itself first."""
        if account not in self._ways:
            state = self._world.accounts.get(account)
            found = self._walk(account, state.database) if state else ()
            self._ways[account] = tuple(found)
        return self._ways[account]

    def _walk(self, account: str, container: str) -> Iterator[Way]:
        start = Way(Link(account), account, account)
        # A role may be held twice, in two ways that are as good: the first one counts.
        number = count()
        waiting = [(start.rank, next(number), start)]
        seen: set[tuple[str, str]] = set()
        while waiting:
            _, _, way = heapq.heappop(waiting)
            if (way.holder, way.user) in seen:
                continue
            seen.add((way.holder, way.user))
            yield way
            for edge in (*self._edges(way, container), *self._entries(way, container)):
                further = _further(way, edge)
                if (further.holder, further.user) not in seen:
                    heapq.heappush(waiting, (further.rank, next(number), further))

    def _entries(self, way: Way, container: str) -> Iterator[_Edge]:
        """Yield the accounts that one may connect as.

        Only from oneself: a proxy's session is of the other account alone, and what that one
        may connect as needs its own password (from memory: no manual was found that says it).
        """
        state = self._world.accounts.get(way.holder)
        if state is None or way.link.length > 1 or not is_user(state):
            return
        found: dict[str, list[str]] = defaultdict(list)
        for grant in state.grants:
            if is_through(grant.privilege) and grant.securable.catalog == container:
                found[grant.securable.name].append(grant.privilege)
        proxy = local_name(way.holder, container)
        for client, privileges in sorted(found.items()):
            name = account_name(client, container)
            name = name if container else self._stored(client)
            if name in self._world.accounts:
                entry = entry_of(privileges)
                lacking = [f"a connection as {proxy}[{client}]"]
                lacking += [f"the password of {client}"] if entry.needs_password else []
                yield _Edge(name, AS_PROXY, lacking=tuple(lacking), entry=entry)

    def _stored(self, name: str) -> str:
        """Return the name of an account of the container that was connected to."""
        return name if name in self._world.accounts else part(name)

    def _edges(self, way: Way, container: str) -> Iterator[_Edge]:
        """Yield the roles of an account or of a role.

        What PUBLIC has counts for the account itself: a proxy has nothing more by it.
        """
        account = way.holder
        state = self._world.accounts.get(account)
        if state is None:
            name = local_name(account, container)
            for role in PREDEFINED_ROLES[name].roles if name in PREDEFINED_ROLES else ():
                yield _Edge(account_name(role, container), "predefined role")
            return
        everyone = account_name(PUBLIC, container)
        if is_user(state) and everyone in self._world.accounts and not way.entry:
            yield _Edge(everyone, EVERYONE)
        for membership in state.memberships:
            if _is_admitted(way, membership.role, container):
                yield self._edge(state, membership)

    def _edge(self, state: AccountState, membership: Membership) -> _Edge:
        """Return how a role is reached.

        A role with a password, of a package or of an external service is never active by
        itself; since 11g it can't be granted to a role either, but a database that was
        upgraded may hold such a grant. A role of a role is active with it.
        """
        role = self._world.accounts.get(membership.role)
        authentication = authentication_of(role) if role else ""
        if authentication in _SECURED:
            how, lacking = _SECURED[authentication]
            return _Edge(
                membership.role,
                how,
                needs_set_role=True,
                lacking=(lacking.format(role=membership.role),),
            )
        if authentication == _GLOBAL:
            return _Edge(membership.role, "global role")
        if is_role(state):
            return _Edge(membership.role, "role")
        if membership.default is False:
            return _Edge(membership.role, "role, not default", needs_set_role=True)
        return _Edge(membership.role, "default role")


def is_role(state: AccountState) -> bool:
    """Return whether an account is a role, other than PUBLIC."""
    return state.kind in {AccountKind.ROLE, AccountKind.APPLICATION_ROLE} and not is_public(state)


def is_public(state: AccountState) -> bool:
    """Return whether an account is PUBLIC, of any container; no user or role bears its name."""
    return local_name(state.name, state.database) == PUBLIC


def is_user(state: AccountState) -> bool:
    """Return whether an account is a person's or a program's, not a role and not PUBLIC."""
    return not is_role(state) and not is_public(state)


def _is_admitted(way: Way, role: str, container: str) -> bool:
    """Return whether a proxy may activate a role of the account that it connects as."""
    limits = way.entry if way.is_direct else None
    return limits is None or limits.admits(local_name(role, container))


def _further(way: Way, edge: _Edge) -> Way:
    return Way(
        link=way.link.then(edge.to, edge.how),
        account=way.account,
        user=edge.to if edge.entry else way.user,
        lacking=(*way.lacking, *edge.lacking),
        needs_set_role=way.needs_set_role or edge.needs_set_role,
        entry=way.entry or edge.entry,
    )
