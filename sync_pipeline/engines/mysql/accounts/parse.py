"""MySQL's accounts become account states. Pure.

Source: MySQL 8.4 Reference Manual, 8.2.3 Grant Tables, 8.2.12 Partial Revokes and
8.2.10 Using Roles: a role is an account, locked and without a password, that is granted.
A superuser is an account with SUPER, which is part of ALL PRIVILEGES.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.engines.mysql_protocol.accounts.json_text import (
    NAMES_WITHOUT_CASE,
    UNKNOWN_KEYS,
    elements,
    keys_of,
    listed,
    shown,
)
from sync_pipeline.engines.mysql_protocol.accounts.names import account_list, account_name
from sync_pipeline.engines.mysql_protocol.accounts.rows import GRANT_OPTION, Principal
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

_YES = "Y"
_DIGITS = 20
_ATTRIBUTES = frozenset(
    {
        *("additional_password", "metadata", "multi_factor_authentication", "Password_locking"),
        "Restrictions",
    }
)
"""The keys of `User_attributes` in 8.0 to 9.7; `metadata` holds what its owner likes."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of `user.sql`; `privileges` are the static ones, joined by commas.

    The last four are the server's: what holds for an account that has none of its own.
    """

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
    attribute_keys: str | None
    restrictions: str | None
    factors: str | None
    has_additional_password: int
    failed_login_attempts: str | None
    lower_case_table_names: int
    default_password_lifetime: int
    validates_passwords: int
    partial_revokes: int


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


@dataclass(frozen=True, slots=True)
class MandatoryRow:
    """The row of `mandatory_roles.sql`: names as SQL writes them."""

    names: str
    are_all_active: int


@dataclass(frozen=True, slots=True)
class CountsRow:
    """The row of `counts.sql`: how many rows each grant table has."""

    user: int
    db: int
    tables_priv: int
    columns_priv: int
    procs_priv: int
    proxies_priv: int
    global_grants: int
    role_edges: int
    default_roles: int


def account_states(
    accounts: Iterable[AccountRow],
    dynamic: Iterable[DynamicRow],
    edges: Sequence[EdgeRow],
    defaults: Iterable[DefaultRoleRow],
    mandatory: Sequence[MandatoryRow],
    grants: dict[Principal, list[Grant]],
) -> tuple[AccountState, ...]:
    """Join the rows into one state for each account."""
    server: dict[Principal, list[Grant]] = defaultdict(list)
    for row in dynamic:
        server[row.user, row.host].append(
            Grant(
                Securable(SecurableKind.SERVER),
                row.privilege.upper(),
                grantable=row.with_grant_option == _YES,
            )
        )
    roles = _Roles(edges, defaults, mandatory)
    return tuple(
        _account(
            row,
            roles,
            (*server[row.user, row.host], *grants.get((row.user, row.host), ())),
        )
        for row in accounts
    )


class _Roles:
    """Who has which role: by an edge, or because the role is mandatory."""

    def __init__(
        self,
        edges: Sequence[EdgeRow],
        defaults: Iterable[DefaultRoleRow],
        mandatory: Sequence[MandatoryRow],
    ) -> None:
        self._mandatory = [item for row in mandatory for item in account_list(row.names)]
        self._are_all_active = any(row.are_all_active for row in mandatory)
        self._default = {((d.user, d.host), (d.role_user, d.role_host)) for d in defaults}
        self._granted = {(edge.role_user, edge.role_host) for edge in edges}
        self._edges: dict[Principal, list[EdgeRow]] = defaultdict(list)
        for edge in edges:
            self._edges[edge.user, edge.host].append(edge)

    def has(self, principal: Principal) -> bool:
        """Return whether somebody has this account as a role."""
        return principal in self._granted or principal in self._mandatory

    def of(self, holder: Principal, *, is_user: bool) -> Iterator[Membership]:
        """Yield the roles of an account; `default` says which are active at its login.

        Mandatory roles are granted to every user but the anonymous ones, which can't
        have roles (8.2.10).
        """
        held = set()
        for edge in self._edges[holder]:
            role = (edge.role_user, edge.role_host)
            held.add(role)
            yield self._membership(holder, role, is_admin=edge.with_admin_option == _YES)
        if is_user and holder[0]:
            for role in self._mandatory:
                if role not in held and role != holder:
                    yield self._membership(holder, role, grantor="mandatory_roles")

    def _membership(
        self, holder: Principal, role: Principal, *, is_admin: bool = False, grantor: str = ""
    ) -> Membership:
        return Membership(
            account_name(*role),
            admin=is_admin,
            default=self._are_all_active or (holder, role) in self._default,
            grantor=grantor,
        )


def _account(row: AccountRow, roles: _Roles, grants: tuple[Grant, ...]) -> AccountState:
    principal = (row.user, row.host)
    is_locked = row.account_locked == _YES
    is_role = is_locked and not row.has_authentication_string and roles.has(principal)
    static = tuple(_static(row.privileges))
    return AccountState(
        name=account_name(*principal),
        kind=AccountKind.ROLE if is_role else AccountKind.USER,
        can_login=not is_locked,
        is_locked=is_locked,
        is_superuser=any(grant.privilege == "SUPER" for grant in static),
        attributes=tuple(_attributes(row)),
        memberships=tuple(roles.of(principal, is_user=not is_role)),
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
    """Yield what partial revokes take away from the server-level grants.

    One that can't be read is kept, flagged.
    """
    for entry in elements(restrictions):
        database = entry.get("Database") if isinstance(entry, Mapping) else None
        privileges = entry.get("Privileges") if isinstance(entry, Mapping) else None
        if isinstance(database, str) and isinstance(privileges, list):
            on = Securable(SecurableKind.DATABASE, database=database)
            for privilege in privileges:
                is_word = isinstance(privilege, str)
                word = str(privilege).upper() if is_word else shown("Privileges", privilege)
                yield Grant(on, word, deny=True, recognised=is_word)
        else:
            on = Securable(SecurableKind.SERVER)
            yield Grant(on, shown("Restrictions", entry), deny=True, recognised=False)


def _unknown_keys(row: AccountRow) -> Iterator[str]:
    """Yield the keys that are not known here, and the values that are not of their kind.

    Of what is no object our own query gives the type, in capitals.
    """
    if row.attribute_keys and row.attribute_keys.isupper() and row.attribute_keys[0] != "[":
        yield f"User_attributes is no object: {row.attribute_keys.lower()}"
    yield from sorted(set(keys_of(row.attribute_keys)) - _ATTRIBUTES)
    attempts = row.failed_login_attempts
    if attempts and not _is_count(attempts):
        yield shown("failed_login_attempts", attempts)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _DIGITS


def _attributes(row: AccountRow) -> Iterator[tuple[str, AttributeValue]]:
    yield "plugin", row.plugin
    unknown = listed(_unknown_keys(row))
    if unknown:
        yield UNKNOWN_KEYS, unknown
    yield "has_authentication_string", bool(row.has_authentication_string)
    yield "has_additional_password", bool(row.has_additional_password)
    if row.factors:
        yield "further_plugins", ", ".join(map(str, elements(row.factors)))
    if row.failed_login_attempts and _is_count(row.failed_login_attempts):
        yield "failed_login_attempts", int(row.failed_login_attempts)
    yield "password_expired", row.password_expired == _YES
    yield "password_lifetime", row.password_lifetime
    if row.password_lifetime is None:
        yield "default_password_lifetime", row.default_password_lifetime
    yield "validates_passwords", bool(row.validates_passwords)
    if row.lower_case_table_names:
        yield NAMES_WITHOUT_CASE, row.lower_case_table_names
    if row.partial_revokes:
        yield "partial_revokes", True
    yield "password_last_changed", row.password_last_changed
    for name in ("max_questions", "max_updates", "max_connections", "max_user_connections"):
        yield name, getattr(row, name)
    for name in ("ssl_type", "ssl_cipher", "x509_issuer", "x509_subject"):
        value = getattr(row, name)
        if value:
            yield name, value
