"""MariaDB's accounts and roles become account states. Pure.

`mysql.global_priv.Priv` is JSON (MariaDB Knowledge Base, mysql.global_priv Table). The
bits of `access` are those of `sql/privilege.h`, each seen on a 10.11 server by granting
one privilege at a time; SHOW CREATE ROUTINE came with 11.3.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.engines.mysql_protocol.names import account_name, quoted
from sync_pipeline.engines.mysql_protocol.rows import Principal
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

PUBLIC = "PUBLIC"
GRANT_BIT = 10
EVERYTHING = 2**64 - 1
"""What `mariadb-install-db` gives root: all privileges, of this version and the next."""

BITS = {
    0: "SELECT",
    1: "INSERT",
    2: "UPDATE",
    3: "DELETE",
    4: "CREATE",
    5: "DROP",
    6: "RELOAD",
    7: "SHUTDOWN",
    8: "PROCESS",
    9: "FILE",
    11: "REFERENCES",
    12: "INDEX",
    13: "ALTER",
    14: "SHOW DATABASES",
    15: "SUPER",
    16: "CREATE TEMPORARY TABLES",
    17: "LOCK TABLES",
    18: "EXECUTE",
    19: "REPLICATION SLAVE",
    20: "BINLOG MONITOR",
    21: "CREATE VIEW",
    22: "SHOW VIEW",
    23: "CREATE ROUTINE",
    24: "ALTER ROUTINE",
    25: "CREATE USER",
    26: "EVENT",
    27: "TRIGGER",
    28: "CREATE TABLESPACE",
    29: "DELETE HISTORY",
    30: "SET USER",
    31: "FEDERATED ADMIN",
    32: "CONNECTION ADMIN",
    33: "READ_ONLY ADMIN",
    34: "REPLICATION SLAVE ADMIN",
    35: "REPLICATION MASTER ADMIN",
    36: "BINLOG ADMIN",
    37: "BINLOG REPLAY",
    38: "SLAVE MONITOR",
}
SHOW_CREATE_ROUTINE_BIT = 39
SHOW_CREATE_ROUTINE_SINCE = (11, 3)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of `global_priv.sql`; values of the JSON are text, or null where absent."""

    user: str
    host: str
    access: str
    version_id: str | None
    plugin: str | None
    other_plugins: str | None
    has_authentication_string: int
    account_locked: str | None
    password_last_changed: str | None
    password_lifetime: str | None
    is_role: str | None
    default_role: str | None
    ssl_type: str | None
    ssl_cipher: str | None
    x509_issuer: str | None
    x509_subject: str | None
    max_queries: str | None
    max_updates: str | None
    max_connections: str | None
    max_user_connections: str | None
    max_statement_time: str | None


@dataclass(frozen=True, slots=True)
class RoleMappingRow:
    """A row of `roles_mapping.sql`."""

    user: str
    host: str
    role: str
    admin_option: str


def role_name(name: str) -> str:
    """Return a role's plain name; one with a quote is quoted, so that no user has it."""
    return quoted(name) if "'" in name else name


def account_states(
    accounts: Iterable[AccountRow],
    roles: Iterable[RoleMappingRow],
    grants: dict[Principal, list[Grant]],
    version: tuple[int, ...],
) -> tuple[AccountState, ...]:
    """Join the rows into one state for each account, role and PUBLIC."""
    held: dict[Principal, list[RoleMappingRow]] = defaultdict(list)
    for row in roles:
        held[row.user, row.host].append(row)
    return tuple(
        _account(row, held[row.user, row.host], grants.get((row.user, row.host), []), version)
        for row in accounts
    )


def global_grants(access: int, version: tuple[int, ...]) -> Iterator[Grant]:
    """Yield the server-level grants of an access mask; unknown bits are kept, flagged."""
    known = dict(BITS)
    if version >= SHOW_CREATE_ROUTINE_SINCE:
        known[SHOW_CREATE_ROUTINE_BIT] = "SHOW CREATE ROUTINE"
    if access == EVERYTHING:
        access = sum(1 << bit for bit in known) | 1 << GRANT_BIT
    server = Securable(SecurableKind.SERVER)
    grantable = bool(access >> GRANT_BIT & 1)
    bits = [bit for bit in range(access.bit_length()) if access >> bit & 1 and bit != GRANT_BIT]
    if not bits and grantable:
        yield Grant(server, "USAGE", grantable=True)
    for bit in bits:
        yield Grant(
            server, known.get(bit, f"bit {bit}"), grantable=grantable, recognised=bit in known
        )


def _account(
    row: AccountRow,
    roles: list[RoleMappingRow],
    grants: list[Grant],
    version: tuple[int, ...],
) -> AccountState:
    is_role = row.is_role in ("1", "true")
    is_locked = row.account_locked in ("1", "true")
    server = tuple(global_grants(int(row.access), version))
    return AccountState(
        name=role_name(row.user) if is_role else account_name(row.user, row.host),
        kind=_kind(row, is_role=is_role),
        can_login=not is_role and not is_locked,
        is_locked=is_locked,
        is_superuser=any(grant.privilege == "SUPER" for grant in server),
        attributes=() if is_role else tuple(_attributes(row)),
        memberships=tuple(
            Membership(
                role_name(held.role),
                admin=held.admin_option == "Y",
                default=held.role == row.default_role,
            )
            for held in roles
        ),
        grants=(*server, *grants),
    )


def _kind(row: AccountRow, *, is_role: bool) -> AccountKind:
    if is_role:
        return AccountKind.PUBLIC if row.user == PUBLIC else AccountKind.ROLE
    return AccountKind.USER


def _attributes(row: AccountRow) -> Iterator[tuple[str, AttributeValue]]:
    yield "plugins", ", ".join(_plugins(row))
    yield "has_authentication_string", bool(row.has_authentication_string)
    changed = row.password_last_changed
    yield "password_expired", changed == "0"
    if changed not in (None, "0"):
        moment = datetime.fromtimestamp(int(str(changed)), UTC)
        yield "password_last_changed", moment.isoformat().replace("+00:00", "Z")
    numbers = ("password_lifetime", "max_queries", "max_updates", "max_connections")
    for name in (*numbers, "max_user_connections", "max_statement_time"):
        value = getattr(row, name)
        if value is not None:
            yield name, float(value) if "." in value else int(value)
    for name in ("ssl_type", "ssl_cipher", "x509_issuer", "x509_subject"):
        value = getattr(row, name)
        if value:
            yield name, value


def _plugins(row: AccountRow) -> tuple[str, ...]:
    """Return the plugins in the order in which the server tries them."""
    others = json.loads(row.other_plugins) if row.other_plugins else []
    if others:
        # An element without a plugin of its own stands for the account's main one.
        return (*(str(plugin) for plugin in others), *((row.plugin,) if row.plugin else ()))
    return (row.plugin or "mysql_native_password",)
