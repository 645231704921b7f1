"""What a change of an account says of its power, by the engine: a line an engine.

A superuser may do everything, a grant admin gives itself or others what they do not have, and a
dangerous privilege reaches further than data (`PowerKind`). Here are the words by which an account
gets one at once; what it reaches by roles, owners and other ways the rules of access know.
Apart from the registry, which imports all drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sync_pipeline.engines.mariadb.access.dangers import DANGEROUS as OF_MARIADB
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mysql.access.dangers import DANGEROUS as OF_MYSQL
from sync_pipeline.engines.mysql.access.rules import MySqlAccess
from sync_pipeline.engines.mysql_protocol.access.patterns import matches
from sync_pipeline.engines.oracle.access.dangers import DANGERS as OF_ORACLE
from sync_pipeline.engines.oracle.access.powers import GRANT_ADMIN
from sync_pipeline.engines.oracle.access.predefined import (
    ADMINISTRATIVE,
    DBA,
    PREDEFINED_ROLES,
    SYSDBA,
)
from sync_pipeline.engines.postgresql.access.dangers import ATTRIBUTES, ROLES, danger_of_parameter
from sync_pipeline.engines.postgresql.access.powers import AS_SUPERUSER
from sync_pipeline.engines.sqlserver.access.dangers import DANGERS as OF_SQLSERVER
from sync_pipeline.engines.sqlserver.access.dangers import PROCEDURES
from sync_pipeline.engines.sqlserver.access.fixed_roles import DATABASE_ROLES, SERVER_ROLES
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

_BECOMES = frozenset({"IMPERSONATE", "CONTROL", "ALTER", "TAKE OWNERSHIP", "PROXY"})
_OTHERS = frozenset({SecurableKind.PRINCIPAL, SecurableKind.ACCOUNT})
"""What is granted on another account so that one becomes it, or gives it to oneself."""
_WRITES = frozenset({"INSERT", "UPDATE"})
_GRANT_DATABASE = "mysql"
_NONE: frozenset[str] = frozenset()


def _of_no_database(name: str) -> tuple[str, str]:
    return "", name


@dataclass(frozen=True, slots=True)
class PowerWords:
    """What gives a power where it is granted: on the server, on a database, as a role.

    `attributes` are those of an account which are one where they are true, `database_roles` roles
    that each database has, by the name within it (`within` tells it of an account's). Who writes
    one of the `grant_tables` of a MySQL server gives itself any right.
    """

    server: frozenset[str] = _NONE
    database: frozenset[str] = _NONE
    roles: frozenset[str] = _NONE
    attributes: frozenset[str] = _NONE
    objects: frozenset[str] = _NONE
    grant_tables: frozenset[str] = _NONE
    database_roles: frozenset[str] = _NONE
    within: Callable[[str], tuple[str, str]] = _of_no_database

    def is_role(self, name: str) -> bool:
        """Return whether a role of the engine's own gives a power to its members."""
        database, own = self.within(name)
        return own in (self.database_roles if database else self.roles)

    def is_power(self, grant: Grant) -> bool:
        """Return whether a grant gives a power to whoever has it."""
        on = grant.securable
        if grant.privilege in _WRITES and self._has_grant_table(on):
            return True
        if on.kind is SecurableKind.SERVER:
            return grant.grantable or grant.privilege in self.server
        if on.kind is SecurableKind.DATABASE:
            return grant.privilege in self.database
        if on.kind in _OTHERS:
            return grant.privilege in _BECOMES
        if on.kind is SecurableKind.PARAMETER:
            return danger_of_parameter(grant) is not None
        return on.kind is SecurableKind.PROCEDURE and on.name in self.objects

    def _has_grant_table(self, on: Securable) -> bool:
        if on.kind is SecurableKind.TABLE:
            return on.database == _GRANT_DATABASE and on.name in self.grant_tables
        is_around = on.kind is SecurableKind.SERVER or (
            on.kind is SecurableKind.DATABASE and matches(on.database, _GRANT_DATABASE)
        )
        return bool(self.grant_tables) and is_around


def _giving(roles: Mapping[str, Iterable[str]], powers: Collection[str]) -> frozenset[str]:
    """Return the roles that have one of these powers by what the engine put into them."""
    return frozenset(name for name, has in roles.items() if any(item in powers for item in has))


_OF_MYSQL_FAMILY = ("SUPER", "CREATE USER", "GRANT OPTION", "ALL", "ALL PRIVILEGES")
_ORACLE = frozenset((*OF_ORACLE, *GRANT_ADMIN, SYSDBA))
_ORACLE_ROLES = frozenset(
    (
        DBA,
        SYSDBA,
        *_giving({key: role.privileges for key, role in PREDEFINED_ROLES.items()}, _ORACLE),
    )
)
_SQLSERVER = frozenset(
    (
        *OF_SQLSERVER,
        *("CONTROL SERVER", "IMPERSONATE ANY LOGIN"),
        *("ALTER ANY LOGIN", "ALTER ANY SERVER ROLE"),
    )
)
_SQLSERVER_DATABASE = frozenset(
    ("CONTROL", "OWNER", "ALTER ANY ROLE", "ALTER ANY USER", "ALTER ANY APPLICATION ROLE")
)
_POWERS: Mapping[EngineName, PowerWords] = MappingProxyType(
    {
        EngineName.MYSQL: PowerWords(
            frozenset(
                (*OF_MYSQL, *_OF_MYSQL_FAMILY, "ROLE_ADMIN", "SET_USER_ID", "SET_ANY_DEFINER")
            ),
            grant_tables=frozenset(MySqlAccess.grant_tables),
        ),
        EngineName.MARIADB: PowerWords(
            frozenset((*OF_MARIADB, *_OF_MYSQL_FAMILY, "SET USER")),
            grant_tables=frozenset(MariaDbAccess.grant_tables),
        ),
        EngineName.POSTGRESQL: PowerWords(
            roles=frozenset((*ROLES, *AS_SUPERUSER)),
            attributes=frozenset((*ATTRIBUTES, "can_create_roles")),
        ),
        EngineName.ORACLE: PowerWords(
            _ORACLE | _giving(ADMINISTRATIVE, _ORACLE),
            roles=_ORACLE_ROLES
            | _giving({key: role.roles for key, role in PREDEFINED_ROLES.items()}, _ORACLE_ROLES),
        ),
        EngineName.SQLSERVER: PowerWords(
            _SQLSERVER,
            _SQLSERVER_DATABASE,
            roles=_giving(SERVER_ROLES, _SQLSERVER),
            objects=frozenset(PROCEDURES),
            database_roles=_giving(DATABASE_ROLES, _SQLSERVER_DATABASE),
            within=split_account,
        ),
    }
)


def power_words(engine: EngineName) -> PowerWords:
    """Return what gives a power on an engine."""
    return _POWERS[engine]
