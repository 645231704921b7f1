"""MariaDB's accounts and roles become account states. Pure.

`mysql.global_priv.Priv` is JSON (MariaDB Knowledge Base, mysql.global_priv Table). A
superuser is an account with SUPER.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.engines.mariadb.access import server_grants
from sync_pipeline.engines.mysql_protocol.names import account_name, quoted
from sync_pipeline.engines.mysql_protocol.rows import Principal
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Membership

PUBLIC = "PUBLIC"
DEFAULT_PLUGIN = "mysql_native_password"
_TRUE = ("1", "true")
_TLS_WORDS = {"0": "", "1": "ANY", "2": "X509", "3": "SPECIFIED"}
"""The numbers of `ssl_type` (sql/structs.h, enum SSL_type) in MySQL's words."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of `global_priv.sql`; values of the JSON are text, or null where absent.

    The last two are the server's: what holds for an account that has none of its own.
    """

    user: str
    host: str
    access: str
    version_id: str | None
    plugin: str | None
    plugins: str | None
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
    max_questions: str | None
    max_updates: str | None
    max_connections: str | None
    max_user_connections: str | None
    max_statement_time: str | None
    default_password_lifetime: int
    validates_passwords: int


@dataclass(frozen=True, slots=True)
class RoleMappingRow:
    """A row of `roles_mapping.sql`."""

    user: str
    host: str
    role: str
    admin_option: str


def role_name(name: str) -> str:
    """Return a role's plain name; one with a quote is quoted.

    A user's name has two quoted parts and an `@` between them, so no role has it.
    """
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


def _account(
    row: AccountRow,
    roles: list[RoleMappingRow],
    grants: list[Grant],
    version: tuple[int, ...],
) -> AccountState:
    is_role = row.is_role in _TRUE
    is_locked = row.account_locked in _TRUE
    server = tuple(server_grants(int(row.access), int(row.version_id or 0), version))
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
    numbers = ("password_lifetime", "max_questions", "max_updates", "max_connections")
    for name in (*numbers, "max_user_connections", "max_statement_time"):
        value = getattr(row, name)
        if value is not None:
            yield name, float(value) if "." in value else int(value)
    if row.password_lifetime in (None, "-1"):
        yield "default_password_lifetime", row.default_password_lifetime
    yield "validates_passwords", bool(row.validates_passwords)
    tls = _TLS_WORDS.get(row.ssl_type or "0", row.ssl_type)
    for name, text in (("ssl_type", tls), ("ssl_cipher", row.ssl_cipher)):
        if text:
            yield name, text
    for name, text in (("x509_issuer", row.x509_issuer), ("x509_subject", row.x509_subject)):
        if text:
            yield name, text


def _plugins(row: AccountRow) -> tuple[str, ...]:
    """Return the plugins in the order in which the server tries them.

    An element of `auth_or` without a plugin of its own stands for the main one.
    """
    main = row.plugin or DEFAULT_PLUGIN
    found = json.loads(row.plugins) if row.plugins else [""]
    return tuple(str(plugin) or main for plugin in found)
