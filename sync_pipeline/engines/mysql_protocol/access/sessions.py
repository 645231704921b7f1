"""Sessions of MySQL and MariaDB: which roles they have active, and whose grants they use.

A session has some roles active and none of the others. A role's own roles are active with
it (MySQL 8.4 Reference Manual, 8.2.10 Using Roles; MariaDB Knowledge Base, Roles
Overview).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sync_pipeline.engines.access.callbacks import weakly
from sync_pipeline.engines.access.links import Edge, Link, reach
from sync_pipeline.engines.mysql_protocol.access.concerned import Concerned
from sync_pipeline.engines.mysql_protocol.access.holdings import NOTHING, holdings
from sync_pipeline.engines.mysql_protocol.access.levels import Levels
from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.access.patterns import matches
from sync_pipeline.engines.mysql_protocol.access.pools import ByHost, Holder, Pool
from sync_pipeline.engines.mysql_protocol.accounts.hosts import covers
from sync_pipeline.engines.mysql_protocol.accounts.json_text import NAMES_WITHOUT_CASE
from sync_pipeline.model.access import AccessWorld, Availability, Path
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

SAME_USER = "same user name, host covers this one"
_REMEMBERED = 256
ANY_USER = "rows of the anonymous user apply to all"


@dataclass(frozen=True, slots=True)
class Activation:
    """The roles, of those granted to an account, that a session of it has active."""

    roles: tuple[str, ...]
    availability: Availability


def says_any(world: AccessWorld, name: str) -> bool:
    """Return whether an attribute of any account is set: of the server, kept with each account."""
    for state in world.accounts.values():
        for known, value in state.attributes:
            if known == name and value:
                return True
    return False


class Sessions(ABC):
    """The accounts of a world as sessions see them; engines say how theirs differ."""

    levels: Levels
    are_names_literal: bool = False
    """Whether the names of databases in grants are no patterns (MySQL's partial_revokes)."""
    knows_cidr: bool = False
    """Whether host parts are read as by MySQL from 8.0.23 on."""
    has_denies: bool = False
    """Whether this server can take away what was granted: a section unread may hold that."""

    def __init__(self, world: AccessWorld) -> None:
        self.world = world
        self.are_names_without_case = says_any(world, NAMES_WITHOUT_CASE)
        self._holdings = {
            name: holdings(map(self.as_compared, self.grants_of(state)), self.is_static)
            if state.grants
            else NOTHING
            for name, state in world.accounts.items()
        }
        self._by_user: dict[str, list[tuple[str, str]]] = {}
        for name in world.accounts:
            parts = None if self.is_role(name) else user_and_host(name)
            if parts is not None:
                self._by_user.setdefault(parts[0], []).append((name, parts[1]))
        self._pools = lru_cache(maxsize=_REMEMBERED)(weakly(self.pools))
        # Parts of these rules call them back.
        self.matching, self.ordering = weakly(self.is_match), weakly(self.order)
        self.winning = weakly(self.winners)
        self.of_host = lru_cache(maxsize=_REMEMBERED)(weakly(self.by_host))
        self._gaps: dict[SecurableKind, tuple[Gap, ...]] = {}
        self._concerned = Concerned(world, self._holdings, self._by_user, self.matching)

    # What differs between the engines.

    @abstractmethod
    def is_static(self, privilege: str) -> bool:
        """Return whether the one GRANT OPTION of the server goes with a privilege."""

    @abstractmethod
    def order(self, holder: Holder, stored: str) -> tuple[object, ...]:
        """Return the key by which rows of one user are searched, the first one first."""

    @abstractmethod
    def winners(self, stored: Iterable[str], database: str) -> Iterable[str]:
        """Return those names of merged database rows that count for a database."""

    @abstractmethod
    def activations(self, account: str) -> Sequence[Activation]:
        """Return how sessions of an account may stand, that of its login first."""

    @abstractmethod
    def pools(self, account: str, roles: tuple[str, ...]) -> tuple[Pool, ...]:
        """Return whose grants a session with these roles can use."""

    @abstractmethod
    def role_admins(self, account: str) -> Iterator[tuple[Path, Availability, str]]:
        """Yield the roles that an account may grant: to whose admin option, when, which."""

    def grants_of(self, state: AccountState) -> Iterable[Grant]:
        """Return the grants of an account that holdings are made of: all, and partial revokes."""
        return state.grants

    def as_compared(self, grant: Grant) -> Grant:
        """Return a grant with its names as the server compares them."""
        on = self.compared(grant.securable)
        return grant if on == grant.securable else replace(grant, securable=on)

    def compared(self, on: Securable) -> Securable:
        """Return an object with its names as the server compares them.

        With `lower_case_table_names` 1 or 2 it reads the names of databases and tables in
        its grant tables in small letters (MySQL 9.7 Reference Manual, 11.2.3). Those of
        routines and columns never have case.
        """
        if not self.are_names_without_case or on.kind is SecurableKind.ACCOUNT:
            return on
        return replace(on, database=on.database.lower(), name=on.name.lower())

    # What engines build their pools from.

    def holder(self, name: str, link: Link) -> Holder:
        """Return an account or role as a holder; one that is not known holds nothing."""
        user, host = user_and_host(name) or (name, "")
        return Holder(link, user, host, self._holdings.get(name, NOTHING))

    def with_roles(self, link: Link, roles: Sequence[str]) -> dict[str, Link]:
        """Return the account at a way's end and every role that is active with these."""
        account = link.account

        def edges(here: str) -> Iterable[Edge]:
            held = roles if here == account else self.roles_of(here)
            return [(role, "role") for role in held]

        return reach(link, edges)

    def roles_of(self, account: str) -> tuple[str, ...]:
        """Return the roles granted to an account itself."""
        state = self.world.accounts.get(account)
        names = (membership.role for membership in state.memberships) if state else ()
        return tuple(dict.fromkeys(names))

    def default_roles_of(self, account: str) -> tuple[str, ...]:
        """Return those roles of an account that are active when it logs in."""
        memberships = self.world.accounts[account].memberships
        return tuple(dict.fromkeys(item.role for item in memberships if item.default))

    def is_role(self, account: str) -> bool:
        """Return whether an account is a role, not somebody who logs in."""
        return self.world.accounts[account].kind in (AccountKind.ROLE, AccountKind.PUBLIC)

    def by_host(self, account: str, of_server: str = "") -> ByHost:
        """Return what an account has without any role.

        `of_server` names another account of the user whose global grants count instead.
        """
        link = Link(account)
        own = self.holder(account, link)
        others = [
            self.holder(name, link.then(name, SAME_USER if user else ANY_USER))
            for user in dict.fromkeys((own.user, ""))
            for name in self.covering(account, user)
        ]
        lender = next((item for item in others if item.link.account == of_server), None)
        return ByHost(self.levels, own, others, self.matching, self.ordering, lender)

    def covering(self, account: str, user: str) -> tuple[str, ...]:
        """Return the other accounts of a user whose host fits every client of the account."""
        namesakes = self.accounts_of(user)
        if not namesakes or (len(namesakes) == 1 and namesakes[0][0] == account):
            return ()
        _, own_host = user_and_host(account) or ("", "")
        return tuple(
            name
            for name, host in namesakes
            if name != account and covers(host, own_host, knows_cidr=self.knows_cidr)
        )

    def accounts_of(self, user: str) -> Sequence[tuple[str, str]]:
        """Return the accounts of a user that log in, and the host of each."""
        return self._by_user.get(user, ())

    def is_match(self, stored: str, database: str) -> bool:
        """Return whether a name in `mysql.db` stands for a database."""
        return stored == database if self.are_names_literal else matches(stored, database)

    def admin_roles_of(self, account: str) -> Iterator[str]:
        """Yield the roles that an account holds with the admin option."""
        state = self.world.accounts.get(account)
        for membership in state.memberships if state else ():
            if membership.admin:
                yield membership.role
