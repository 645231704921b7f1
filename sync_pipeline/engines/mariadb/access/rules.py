"""What an account of MariaDB may do: MariaDB's own rules. Pure.

A session has what its account has, what its one active role has with the roles of that
role, and from 10.11 what PUBLIC has: three sets, each looked up for itself (sql/sql_acl.cc,
`acl_get_all3`; seen on 10.11). There are no partial revokes and no mandatory roles. Denies
(13.1) beat all of it: see `access_denies`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from sync_pipeline.engines.access.callbacks import weakly
from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.mariadb.access.dangers import DANGEROUS
from sync_pipeline.engines.mariadb.access.denies import Denies, Deny
from sync_pipeline.engines.mariadb.accounts.bits import all_privileges
from sync_pipeline.engines.mariadb.accounts.denies import KNOWS_DENIES
from sync_pipeline.engines.mysql_protocol.access.beside import beside
from sync_pipeline.engines.mysql_protocol.access.family import FamilyAccess
from sync_pipeline.engines.mysql_protocol.access.holdings import NOTHING
from sync_pipeline.engines.mysql_protocol.access.levels import (
    ON_DATABASE,
    ON_ROUTINE,
    ON_TABLE,
    Levels,
)
from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.access.patterns import (
    DATABASE_LENGTH,
    HOST_LENGTH,
    mariadb_weight,
)
from sync_pipeline.engines.mysql_protocol.access.pools import ByHost, Holder, Merged, Pool
from sync_pipeline.engines.mysql_protocol.access.sessions import ANY_USER, SAME_USER, Activation
from sync_pipeline.model.access import (
    EVERYTHING,
    AccessWorld,
    Availability,
    Effect,
    EffectivePrivilege,
    Path,
    ServerRule,
)
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Securable

SHOW_CREATE_ROUTINE = (11, 3)
IN_SUPER_BEFORE_10_11 = frozenset({"READ_ONLY ADMIN"})
IN_SUPER_BEFORE_11_0 = frozenset(
    {
        *("SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "REPLICATION SLAVE ADMIN"),
        *("BINLOG ADMIN", "BINLOG REPLAY", "BINLOG MONITOR", "SLAVE MONITOR"),
    }
)
"""What SUPER allowed until it was taken from it (MDEV-29596, MDEV-29668; seen on 10.5, 10.11
and 11.8). REPLICATION MASTER ADMIN is not among them: SHOW SLAVE HOSTS never took SUPER."""
EVERYONE = "everyone"
_OTHER_NAMES = {
    "REPLICATION CLIENT": "BINLOG MONITOR",
    "REPLICATION REPLICA": "REPLICATION SLAVE",
    "REPLICA MONITOR": "SLAVE MONITOR",
    "REPLICATION REPLICA ADMIN": "REPLICATION SLAVE ADMIN",
    "DELETE VERSIONING ROWS": "DELETE HISTORY",
}
"""MariaDB Knowledge Base, GRANT: privileges that have two names."""
NOT_MODELLED = (
    ServerRule(
        "MariaDB",
        "read_only",
        Effect.WRITE,
        "refuses writes to all but accounts with READ_ONLY ADMIN, before 10.11 SUPER too",
    ),
    *beside("MariaDB"),
)
"""MariaDB Knowledge Base, Server System Variables; 10.11 Release Notes."""


class MariaDbAccess(FamilyAccess):
    """MariaDB 10.6 and newer."""

    system_accounts = frozenset({"'mariadb.sys'@'localhost'"})
    built_in_accounts = frozenset({"'root'@'localhost'", "'mysql'@'localhost'"})
    # Knowledge Base, GRANT: SUPER runs superuser statements, and sets any global variable.
    superuser_words = ("SUPER",)
    # Knowledge Base, GRANT: CREATE USER changes any account, SET USER lets a stored program
    # run as any account, and since 12.0 SET SESSION AUTHORIZATION act as one.
    grant_admin_words = ("CREATE USER", "SET USER")
    dangerous = DANGEROUS
    setting_scope = "GLOBAL"
    setting_ends = "It ends with the next restart, unless the configuration says the same."
    grant_tables = (
        *("global_priv", "user", "db", "tables_priv", "columns_priv", "procs_priv"),
        *("proxies_priv", "roles_mapping"),
    )
    # Knowledge Base, mysql.global_priv Table and mysql.user Table (a view of it).
    hash_columns = MappingProxyType(
        {"global_priv": ("Priv",), "user": ("authentication_string", "Password")}
    )

    def __init__(self, world: AccessWorld) -> None:
        version = tuple(map(int, re.findall(r"\d+", world.version)[:3]))
        has_show_create = version >= SHOW_CREATE_ROUTINE
        more = {"SHOW CREATE ROUTINE"} if has_show_create else set()
        self.levels = Levels(
            server=all_privileges(version),
            database=ON_DATABASE | {"DELETE HISTORY"} | more,
            table=ON_TABLE | {"DELETE HISTORY"},
            routine=ON_ROUTINE | more,
        )
        in_super = (IN_SUPER_BEFORE_10_11 if version < (10, 11) else frozenset()) | (
            IN_SUPER_BEFORE_11_0 if version < (11, 0) else frozenset()
        )
        self.larger = dict.fromkeys(in_super, ("SUPER",))
        self.has_denies = version >= KNOWS_DENIES
        super().__init__(world)
        self._denies = {
            name: tuple(Deny(name, self.as_compared(g)) for g in state.grants if g.deny)
            for name, state in world.accounts.items()
            if state.grants and any(grant.deny for grant in state.grants)
        }
        self._lenders = lru_cache(maxsize=256)(weakly(self._lenders_of))
        self._session_denies = lru_cache(maxsize=256)(weakly(self._denies_of))
        self._public = next(
            (name for name, s in world.accounts.items() if s.kind is AccountKind.PUBLIC), None
        )

    def not_modelled(self) -> Sequence[ServerRule]:
        """Return the rules of the server that no answer takes in."""
        return NOT_MODELLED

    def grants_of(self, state: AccountState) -> Iterable[Grant]:
        """Return what was granted; denies are no part of it."""
        return (grant for grant in state.grants if not grant.deny)

    def held(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterator[EffectivePrivilege]:
        """Yield the ways in which a session has a privilege that no deny takes away."""
        denies = self._session_denies(account, activation.roles)
        if not denies:
            yield from super().held(account, activation, word, on)
            return
        words = self._words(word, on)
        if any(any(denies.taking(item, on)) for item in words):
            return
        parts = dict.fromkeys(str(deny.grant.securable) for deny in denies.below(words, on))
        without = f", except on {', '.join(parts)}" if parts else ""
        may_grant = not denies.takes_option(on)
        for item in super().held(account, activation, word, on):
            yield replace(
                item, source=f"{item.source}{without}", grantable=item.grantable and may_grant
            )

    def denials(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterator[str]:
        """Yield the denies that take a privilege away here, or on a part of it."""
        denies = self._session_denies(account, activation.roles)
        words = self._words(word, on) if denies else ()
        for item in words:
            yield from map(str, denies.taking(item, on))
        yield from map(str, denies.below(words, on))

    def _words(self, word: str, on: Securable) -> tuple[str, ...]:
        return tuple(sorted(self.levels.of(on.kind))) if word == EVERYTHING else (word,)

    def _denies_of(self, account: str, roles: tuple[str, ...]) -> Denies:
        """Return what is denied to a session: to the account, its active roles and PUBLIC."""
        if not self.has_denies or not any(self._denies.values()):
            return Denies(())
        lender = self._lenders(account).get(roles[0], account) if roles else account
        everyone = (self._public, *self.roles_of(self._public)) if self._public else ()
        active = self.with_roles(Link(account), roles)
        names = dict.fromkeys((account, lender, *active, *everyone))
        return Denies(deny for name in names for deny in self._denies.get(name, ()))

    def is_static(self, privilege: str) -> bool:  # noqa: ARG002
        """Return true: one GRANT OPTION goes with all privileges of the server."""
        return True

    def word(self, privilege: str) -> str:
        """Return a privilege by the name that snapshots have."""
        word = super().word(privilege)
        return _OTHER_NAMES.get(word, word)

    def order(self, holder: Holder, stored: str) -> tuple[object, ...]:
        """Return host, then database, then user: what fits fewest names first."""
        return (
            mariadb_weight(holder.host, HOST_LENGTH),
            mariadb_weight(stored, DATABASE_LENGTH),
            holder.user == "",
            stored.encode(),
        )

    def winners(self, stored: Iterable[str], database: str) -> Iterable[str]:
        """Return the most specific of the names that fit."""
        fitting = (name for name in stored if self.is_match(name, database))
        return sorted(
            fitting, key=lambda name: (mariadb_weight(name, DATABASE_LENGTH), name.encode())
        )[:1]

    def activations(self, account: str) -> Sequence[Activation]:
        """Return the login, then none and each role: one alone can be active.

        Source: MariaDB Knowledge Base, SET ROLE and SET DEFAULT ROLE.
        """
        if self.is_role(account):
            return (Activation(self.roles_of(account), Availability.AT_LOGIN),)
        login = self.default_roles_of(account)[:1]
        later = ((), *((role,) for role in self._lenders(account)))
        return (
            Activation(login, Availability.AT_LOGIN),
            *(Activation(roles, Availability.AFTER_SET_ROLE) for roles in later if roles != login),
        )

    def pools(self, account: str, roles: tuple[str, ...]) -> tuple[Pool, ...]:
        """Return the account's own, its active role's and PUBLIC's."""
        if self.is_role(account):
            return (self._merged(Link(account), roles),)
        lender = self._lenders(account).get(roles[0], account) if roles else account
        pools: list[Pool] = [self.of_host(account, lender)]
        itself = Link(account)
        start = itself if lender == account else itself.then(lender, SAME_USER)
        active = [start.then(role, "role") for role in roles]
        if self._public is not None:
            active.append(itself.then(self._public, EVERYONE))
        anonymous = self._anonymous(account)
        pools.extend(self._merged(link, self.roles_of(link.account), anonymous) for link in active)
        return tuple(pools)

    def _anonymous(self, account: str) -> ByHost | None:
        """Return the anonymous users that a look for a role's or PUBLIC's rows finds too.

        It is made with an empty client, so they are those of any host; a row of the role
        itself comes first (sql/sql_acl.cc, `find_by_username_or_anon`; seen on 10.11).
        """
        if not self.accounts_of(""):
            return None
        link = Link(account)
        nobody = Holder(link, "", "", NOTHING)
        found = (
            self.holder(name, link.then(name, ANY_USER))
            for name, host in self.accounts_of("")
            if set(host) <= {"%"}
        )
        return ByHost(self.levels, nobody, found, self.matching, self.ordering)

    def _lenders_of(self, account: str) -> dict[str, str]:
        """Return the roles that a session may activate, and the account that lends each.

        SET ROLE takes a role granted to any account of the user whose host fits the client,
        and with it that account's global privileges in place of those that logged in. Of
        several, the first one in the order of the table counts (sql/sql_acl.cc,
        `check_user_can_set_role`; seen on 10.11).
        """
        user, _ = user_and_host(account) or ("", "")
        others = self.covering(account, user)
        names = sorted((account, *others), key=_host_bytes) if others else (account,)
        lenders: dict[str, str] = {}
        for name in names:
            for role in self.roles_of(name):
                lenders.setdefault(role, name)
        return lenders

    def default_again(self, account: str) -> str:
        """Return the statement that makes the roles active at login that are so now."""
        (role,) = self.default_roles_of(account)[:1]
        return f"SET DEFAULT ROLE {self.to(role)} FOR {self.to(account)};"

    def role_admins(self, account: str) -> Iterator[tuple[Path, Availability, str]]:
        """Yield the admin options of the account and of all its roles, active or not.

        So GRANT takes them (seen on 10.11).
        """
        found = self.with_roles(Link(account), self.roles_of(account))
        for name, link in found.items():
            for role in self.admin_roles_of(name):
                yield link.path, Availability.AT_LOGIN, role

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant away, or lifts a deny (13.1)."""
        text = super().revoke(account, replace(grant, deny=False))
        return text.replace("REVOKE", "REVOKE DENY", 1) if grant.deny else text

    def to(self, account: str) -> str:
        """Return an account, a role or PUBLIC as a statement names it."""
        return account if account == self._public else super().to(account)

    def _merged(self, link: Link, roles: Sequence[str], otherwise: ByHost | None = None) -> Merged:
        """Return the role at a way's end with the roles that are active with it."""
        found = self.with_roles(link, roles)
        return Merged(
            self.levels,
            (self.holder(role, way) for role, way in found.items()),
            self.winning,
            otherwise,
        )


def _host_bytes(account: str) -> bytes:
    _, host = user_and_host(account) or ("", "")
    return host.encode()
