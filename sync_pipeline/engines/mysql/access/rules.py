"""What an account of MySQL may do: MySQL's own rules. Pure.

Without an active role the server searches the grant tables by user name and client. With
any active role it puts the grants of that one account and of its active roles together
first. The two ways pick database rows differently (sql/auth/sql_security_ctx.cc, `db_acl`,
and sql_auth_cache.cc, `acl_get`; seen on 9.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType

from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.mysql.access.dangers import DANGEROUS
from sync_pipeline.engines.mysql_protocol.access.beside import beside
from sync_pipeline.engines.mysql_protocol.access.family import FamilyAccess
from sync_pipeline.engines.mysql_protocol.access.levels import ON_DATABASE, Levels
from sync_pipeline.engines.mysql_protocol.access.mends import MANDATORY
from sync_pipeline.engines.mysql_protocol.access.patterns import mysql_weight
from sync_pipeline.engines.mysql_protocol.access.pools import Holder, Merged, Pool
from sync_pipeline.engines.mysql_protocol.access.sessions import Activation, says_any
from sync_pipeline.engines.mysql_protocol.accounts.hosts import network_of
from sync_pipeline.model.access import AccessWorld, Availability, Effect, Path, ServerRule
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

STATIC = ON_DATABASE | {
    *("RELOAD", "SHUTDOWN", "PROCESS", "FILE", "SHOW DATABASES", "SUPER"),
    *("REPLICATION SLAVE", "REPLICATION CLIENT", "CREATE USER", "CREATE TABLESPACE"),
    *("CREATE ROLE", "DROP ROLE"),
}
"""Table 8.2 of the MySQL 8.4 Reference Manual, 8.2.2; PROXY is of accounts."""
_BY_SUPER = (
    *("BINLOG_ADMIN", "BINLOG_ENCRYPTION_ADMIN", "CONNECTION_ADMIN", "ENCRYPTION_KEY_ADMIN"),
    *("GROUP_REPLICATION_ADMIN", "REPLICATION_APPLIER", "REPLICATION_SLAVE_ADMIN", "ROLE_ADMIN"),
    *("SESSION_VARIABLES_ADMIN", "SET_USER_ID", "SYSTEM_VARIABLES_ADMIN", "REPLICATION CLIENT"),
    "CREATE_SPATIAL_REFERENCE_SYSTEM",
)
_BY_RELOAD = (
    *("FLUSH_OPTIMIZER_COSTS", "FLUSH_PRIVILEGES", "FLUSH_STATUS", "FLUSH_TABLES"),
    "FLUSH_USER_RESOURCES",
)
LARGER = {
    **dict.fromkeys(_BY_SUPER, ("SUPER",)),
    **dict.fromkeys(_BY_RELOAD, ("RELOAD",)),
    **dict.fromkeys(("CREATE ROLE", "DROP ROLE"), ("CREATE USER",)),
    "SESSION_VARIABLES_ADMIN": ("SUPER", "SYSTEM_VARIABLES_ADMIN"),
}
"""8.2.2, of each privilege; seen on 9.7, where SUPER does not set another definer: of
SET_USER_ID, which 8.4 replaced by SET_ANY_DEFINER, SUPER was a part."""
REMOVED_PLUGINS = {"mysql_native_password": (9, 0)}
"""MySQL 9.0 Release Notes: whoever is left with such a plugin can't log in (seen on 9.7)."""
KNOWS_CIDR = (8, 0, 23)
FIRST_PATTERN_ALONE = (8, 0, 32)
"""8.0.20 put all fitting patterns together, 8.0.32 takes the first; between: not known."""
_ADMINS = "accounts with CONNECTION_ADMIN or SUPER"
NOT_MODELLED = (
    ServerRule("MySQL", "read_only", Effect.WRITE, f"refuses writes to all but {_ADMINS}"),
    ServerRule("MySQL", "super_read_only", Effect.WRITE, "refuses writes to all"),
    ServerRule("MySQL", "offline_mode", Effect.LOGIN, f"lets in only {_ADMINS}"),
    *beside("MySQL"),
)
"""MySQL 8.4 Reference Manual, 7.1.8; databases can be read-only too (ALTER DATABASE)."""


class MySqlAccess(FamilyAccess):
    """MySQL 8.0 and newer."""

    levels = Levels(server=STATIC)
    larger = LARGER
    built_in_accounts = frozenset({"'root'@'localhost'"})
    system_accounts = frozenset(
        {
            "'mysql.sys'@'localhost'",
            "'mysql.session'@'localhost'",
            "'mysql.infoschema'@'localhost'",
        }
    )
    # 8.2.2: SUPER "is a powerful and far-reaching privilege".
    superuser_words = ("SUPER",)
    # 8.2.2: CREATE USER changes any account's password, ROLE_ADMIN grants any role, the
    # other two let a stored program run as any account.
    grant_admin_words = ("CREATE USER", "ROLE_ADMIN", "SET_USER_ID", "SET_ANY_DEFINER")
    dangerous = DANGEROUS
    grant_tables = (
        *("user", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv"),
        *("global_grants", "role_edges", "default_roles"),
    )

    # 8.2.3, Grant Tables; 8.2.15: a second password is in User_attributes.
    # 8.4.1.2, Caching SHA-2 Pluggable Authentication.
    login_advice = "ALTER USER ... IDENTIFIED WITH caching_sha2_password BY ... does both."
    hash_columns = MappingProxyType(
        {
            "user": ("authentication_string", "User_attributes"),
            "password_history": ("Password",),
        }
    )

    def __init__(self, world: AccessWorld) -> None:
        super().__init__(world)
        self.are_names_literal = says_any(world, "partial_revokes")
        self.has_denies = self.are_names_literal
        numbers = re.findall(r"\d+", world.version)[:3]
        self._version = tuple(map(int, numbers))
        self.knows_cidr = self._version >= KNOWS_CIDR
        self._is_first_alone = self._version >= FIRST_PATTERN_ALONE

    def may_alter_of(self, account: str, definer: str) -> bool:
        """Return whether an account may alter what is a definer's, with ALTER ROUTINE.

        8.2.2, SYSTEM_USER: who has it is changed by those alone who have it too (seen on 9.7).
        """
        server = Securable(SecurableKind.SERVER)
        return any(
            self.decide(name, "SYSTEM_USER", server).is_allowed is is_had
            for name, is_had in ((definer, False), (account, True))
        )

    def is_static(self, privilege: str) -> bool:
        """Return whether a privilege is a static one."""
        return privilege in STATIC or privilege == "USAGE"

    def not_modelled(self) -> Sequence[ServerRule]:
        """Return the rules of the server that no answer takes in."""
        return NOT_MODELLED

    def lacking(self, state: AccountState) -> tuple[str, ...]:
        """Return what keeps an account from logging in."""
        plugin = str(dict(state.attributes).get("plugin"))
        if not plugin and not self.is_role(state.name):
            return (*super().lacking(state), "a way to log in: its plugin is empty")
        removed = REMOVED_PLUGINS.get(plugin)
        if removed is None or self._version < removed or self.is_role(state.name):
            return super().lacking(state)
        version = ".".join(map(str, removed))
        return (*super().lacking(state), f"another plugin: MySQL {version} removed {plugin}")

    def order(self, holder: Holder, stored: str) -> tuple[object, ...]:
        """Return host, then database, then user: specific first, then by the name.

        Of rows of `mysql.db`, those of addresses and networks come first since 8.0.23
        (`ACL_compare` in sql_auth_cache.cc; seen on 9.7).
        """
        network = network_of(holder.host, knows_cidr=True) if self.knows_cidr and stored else None
        if network is not None:
            return (0, network.notation, -network.mask, *self._weights(holder, stored))
        return (1, 0, 0, *self._weights(holder, stored))

    def _weights(self, holder: Holder, stored: str) -> tuple[object, ...]:
        weights = (mysql_weight(text) for text in (holder.host, stored, holder.user))
        return (*(-weight for weight in weights), stored.encode())

    def winners(self, stored: Iterable[str], database: str) -> Iterable[str]:
        """Return the database's own name, else the first pattern in the order of bytes.

        A name with `%` or `_`, escaped or not, is kept with the patterns.
        """
        names = sorted(stored, key=str.encode)
        plain = [name for name in names if name == database and not set(name) & set("%_")]
        fitting = plain or [
            name for name in names if set(name) & set("%_") and self.is_match(name, database)
        ]
        return fitting[:1] if self._is_first_alone else fitting

    def activations(self, account: str) -> Sequence[Activation]:
        """Return the login, then none, each one, and all of its roles.

        SET ROLE takes any of the roles granted to the account itself (15.7.1.11). Other
        sets of them give no privilege that these don't.
        """
        granted = self.roles_of(account)
        if self.is_role(account):
            return (Activation(granted, Availability.AT_LOGIN),)
        login = self.default_roles_of(account)
        later = dict.fromkeys(((), *((role,) for role in granted), granted))
        return (
            Activation(login, Availability.AT_LOGIN),
            *(Activation(s, Availability.AFTER_SET_ROLE) for s in later if set(s) != set(login)),
        )

    def pools(self, account: str, roles: tuple[str, ...]) -> tuple[Pool, ...]:
        """Return one pool: searched by host, or merged with the roles that are active."""
        if not roles and not self.is_role(account):
            return (self.by_host(account),)
        found = self.with_roles(Link(account), roles)
        holders = (self.holder(name, link) for name, link in found.items())
        return (Merged(self.levels, holders, self.winning),)

    def default_again(self, account: str) -> str:
        """Return the statement that makes the roles active at login that are so now."""
        held = self.world.accounts[account].memberships
        names = (self.to(item.role) for item in held if item.default and item.grantor != MANDATORY)
        return f"ALTER USER {self.to(account)} DEFAULT ROLE {', '.join(names)};"

    def role_admins(self, account: str) -> Iterator[tuple[Path, Availability, str]]:
        """Yield the admin options of the account and of its active roles (seen on 9.7)."""
        for activation in self.activations(account):
            found = self.with_roles(Link(account), activation.roles)
            for name, link in found.items():
                for role in self.admin_roles_of(name):
                    yield link.path, activation.availability, role

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that takes only the grant option away.

        Taken from the server, it goes from the account's dynamic privileges too, in the
        table but not in the server's memory (seen on 9.7), which is why that is reloaded.
        """
        text = super().revoke_option(account, grant)
        is_global = grant.securable.kind is SecurableKind.SERVER
        if text and is_global and self.is_static(grant.privilege):
            text += "\nFLUSH PRIVILEGES;"
        return text

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away; a mandatory one from everybody."""
        if membership.grantor != MANDATORY:
            return super().revoke_role(account, membership)
        rest = sorted(
            {
                other.role
                for state in self.world.accounts.values()
                for other in state.memberships
                if other.grantor == MANDATORY and other.role != membership.role
            }
        )
        value = ",".join(rest).replace("\\", "\\\\").replace("'", "''")
        return f"SET PERSIST mandatory_roles = '{value}';"
