"""MySQL's accounts become account states. Pure.

Source: MySQL 8.4 Reference Manual, 8.2.3 Grant Tables, 8.2.12 Partial Revokes and
8.2.10 Using Roles: a role is an account, locked and without a password, that is granted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync_pipeline.engines.mysql_protocol.names import account_name
from sync_pipeline.engines.mysql_protocol.rows import GRANT_OPTION, Principal
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of `user.sql`; `privileges` are the static ones, joined by commas."""

    user: str
    host: str
    privileges: str
    plugin: str
    has_authentication_string: int
    account_locked: str
    password_expired: str
    password_lifetime: int | None
    password_last_changed: str | None
    ssl_type: str
    ssl_cipher: str
    x509_issuer: str
    x509_subject: str
    max_questions: int
    max_updates: int
    max_connections: int
    max_user_connections: int
    restrictions: str | None


@dataclass(frozen=True, slots=True)
class DynamicRow:
    """A row of `global_grants.sql`."""

    user: str
    host: str
    privilege: str
    with_grant_option: str


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """A row of `role_edges.sql`."""

    role_user: str
    role_host: str
    user: str
    host: str
    with_admin_option: str


@dataclass(frozen=True, slots=True)
class DefaultRoleRow:
    """A row of `default_roles.sql`."""

    user: str
    host: str
    role_user: str
    role_host: str


def account_states(
    accounts: Iterable[AccountRow],
    dynamic: Iterable[DynamicRow],
    edges: Iterable[EdgeRow],
    defaults: Iterable[DefaultRoleRow],
    grants: dict[Principal, list[Grant]],
) -> tuple[AccountState, ...]:
    """Join the rows into one state for each account."""
    server: dict[Principal, list[Grant]] = defaultdict(list)
    for row in dynamic:
        server[row.user, row.host].append(
            Grant(
                Securable(SecurableKind.SERVER),
                row.privilege.upper(),
                grantable=row.with_grant_option == "Y",
            )
        )
    default = {(d.user, d.host, d.role_user, d.role_host) for d in defaults}
    members: dict[Principal, list[Membership]] = defaultdict(list)
    roles: set[Principal] = set()
    for edge in edges:
        roles.add((edge.role_user, edge.role_host))
        members[edge.user, edge.host].append(
            Membership(
                account_name(edge.role_user, edge.role_host),
                admin=edge.with_admin_option == "Y",
                default=(edge.user, edge.host, edge.role_user, edge.role_host) in default,
            )
        )
    return tuple(
        _account(
            row,
            is_role=(row.user, row.host) in roles,
            memberships=tuple(members[row.user, row.host]),
            grants=(*server[row.user, row.host], *grants.get((row.user, row.host), ())),
        )
        for row in accounts
    )


def _account(
    row: AccountRow,
    *,
    is_role: bool,
    memberships: tuple[Membership, ...],
    grants: tuple[Grant, ...],
) -> AccountState:
    is_locked = row.account_locked == "Y"
    looks_like_role = is_locked and not row.has_authentication_string
    static = tuple(_static(row.privileges))
    return AccountState(
        name=account_name(row.user, row.host),
        kind=AccountKind.ROLE if is_role and looks_like_role else AccountKind.USER,
        can_login=not is_locked,
        is_locked=is_locked,
        is_superuser=any(grant.privilege == "SUPER" for grant in static),
        attributes=tuple(_attributes(row)),
        memberships=memberships,
        grants=(*static, *_denied(row.restrictions), *grants),
    )


def _static(privileges: str) -> Iterator[Grant]:
    """Yield the static server-level grants; the words come from our own query."""
    words = [word for word in privileges.split(",") if word]
    grantable = GRANT_OPTION in words
    server = Securable(SecurableKind.SERVER)
    named = [word for word in words if word != GRANT_OPTION]
    if not named and grantable:
        yield Grant(server, "USAGE", grantable=True)
    for word in named:
        yield Grant(server, word, grantable=grantable)


def _denied(restrictions: str | None) -> Iterator[Grant]:
    """Yield what partial revokes take away from the server-level grants."""
    for entry in json.loads(restrictions) if restrictions else ():
        database = Securable(SecurableKind.DATABASE, database=entry["Database"])
        for privilege in entry["Privileges"]:
            yield Grant(database, privilege.upper(), deny=True)


def _attributes(row: AccountRow) -> Iterator[tuple[str, AttributeValue]]:
    yield "plugin", row.plugin
    yield "has_authentication_string", bool(row.has_authentication_string)
    yield "password_expired", row.password_expired == "Y"
    yield "password_lifetime", row.password_lifetime
    yield "password_last_changed", row.password_last_changed
    for name in ("max_questions", "max_updates", "max_connections", "max_user_connections"):
        yield name, getattr(row, name)
    for name in ("ssl_type", "ssl_cipher", "x509_issuer", "x509_subject"):
        value = getattr(row, name)
        if value:
            yield name, value
