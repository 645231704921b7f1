"""MariaDB's accounts and roles become account states. Pure.

`mysql.global_priv.Priv` is JSON (MariaDB Knowledge Base, mysql.global_priv Table). A
superuser is an account with SUPER. What is not known in the JSON of an account is named in
its attribute `unknown_keys`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.engines.mariadb.accounts.bits import server_grants
from sync_pipeline.engines.mariadb.accounts.denies import KNOWS_DENIES, denied_grants
from sync_pipeline.engines.mariadb.accounts.methods import (
    method_attributes,
    methods_of,
    strange_methods,
)
from sync_pipeline.engines.mariadb.accounts.stored import (
    is_true,
    is_truth,
    is_whole,
    number,
    whole_number,
)
from sync_pipeline.engines.mysql_protocol.accounts.json_text import (
    NAMES_WITHOUT_CASE,
    UNKNOWN_KEYS,
    keys_of,
    listed,
    loaded,
    shown,
)
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name, quoted
from sync_pipeline.engines.mysql_protocol.accounts.rows import Principal
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Membership

PUBLIC = "PUBLIC"
KNOWS_PUBLIC = (10, 11)
"""To an older server a row of that name, left by a newer one, is a role like others."""
_WHOLE_NUMBERS = ("access", "version_id", "password_last_changed", "password_lifetime", "ssl_type")
_LIMITS = ("max_questions", "max_updates", "max_connections", "max_user_connections")
_NUMBERS = ("password_lifetime", *_LIMITS, "max_statement_time")
_TRUTHS = ("is_role", "account_locked")
_KEYS = frozenset(
    {
        *(*_WHOLE_NUMBERS, *_NUMBERS, *_TRUTHS, "plugin", "authentication_string", "auth_or"),
        *("default_role", "ssl_cipher", "x509_issuer", "x509_subject"),
    }
)
"""The keys of 10.6 to 13.0 (sql/sql_acl.cc, `User_table_json`)."""
_PLUGIN_KEYS = frozenset({"plugin", "authentication_string"})
_END_OF_TIME = 253402300800
"""The first second of the year 10000, which Python has no date for."""
_TLS_WORDS = {"0": "", "1": "ANY", "2": "X509", "3": "SPECIFIED"}
"""The numbers of `ssl_type` (sql/structs.h, enum SSL_type) in MySQL's words."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of `global_priv.sql`; values of the JSON are text, or null where absent.

    Numbers, truth values and the plugin are JSON as it stands. `password` says of the main
    method, and `auth_or` of each that may be used instead, whether there is one. The last three
    are the server's: what holds for an account that has none of its own.
    """

    user: str
    host: str
    json_keys: str | None
    json_type: str | None
    access: str | None
    version_id: str | None
    denies: str | None
    plugin: str | None
    password: str | None
    auth_or: str | None
    plugin_keys: str | None
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
    lower_case_table_names: int
    default_password_lifetime: int
    validates_passwords: int


@dataclass(frozen=True, slots=True)
class RoleMappingRow:
    """A row of `roles_mapping.sql`."""

    user: str
    host: str
    role: str
    admin_option: str


@dataclass(frozen=True, slots=True)
class CountsRow:
    """The row of `counts.sql`: how many rows each grant table has."""

    global_priv: int
    db: int
    tables_priv: int
    columns_priv: int
    procs_priv: int
    proxies_priv: int
    roles_mapping: int


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
    is_role = is_true(row.is_role)
    is_locked = is_true(row.account_locked)
    written_by = whole_number(row.version_id)
    server = tuple(server_grants(whole_number(row.access), written_by, version))
    denies = tuple(denied_grants(row.denies, written_by, version))
    unknown = listed(_unknown_keys(row, version))
    attributes = () if is_role else tuple(_attributes(row))
    return AccountState(
        name=role_name(row.user) if is_role else account_name(row.user, row.host),
        kind=_kind(row, version, is_role=is_role),
        can_login=not is_role and not is_locked,
        is_locked=is_locked,
        is_superuser=_has(server, "SUPER") and not _has(denies, "SUPER"),
        attributes=(*attributes, *(((UNKNOWN_KEYS, unknown),) if unknown else ())),
        memberships=tuple(
            Membership(
                role_name(held.role),
                admin=held.admin_option == "Y",
                default=held.role == row.default_role,
            )
            for held in roles
        ),
        grants=(*server, *grants, *denies),
    )


def _has(grants: Iterable[Grant], privilege: str) -> bool:
    """Return whether a privilege is among these; SUPER is of the server only."""
    return any(grant.privilege == privilege for grant in grants)


def _kind(row: AccountRow, version: tuple[int, ...], *, is_role: bool) -> AccountKind:
    if not is_role:
        return AccountKind.USER
    is_everyone = row.user == PUBLIC and version >= KNOWS_PUBLIC
    return AccountKind.PUBLIC if is_everyone else AccountKind.ROLE


def _unknown_keys(row: AccountRow, version: tuple[int, ...]) -> Iterator[str]:
    """Yield the keys that are not known here, and the values that are not of their kind."""
    known = _KEYS | {"denies"} if version >= KNOWS_DENIES else _KEYS
    yield from sorted(set(keys_of(row.json_keys)) - known)
    if row.json_type not in (None, "OBJECT"):
        yield f"all of it, which is no object ({row.json_type})"
    yield from strange_methods(row.plugin, row.password, row.auth_or)
    groups = loaded(row.plugin_keys)
    for names in groups if isinstance(groups, list) else ():
        yield from (f"auth_or.{name}" for name in keys_of(names) if name not in _PLUGIN_KEYS)
    for names, is_right in (
        (_WHOLE_NUMBERS, is_whole),
        (_NUMBERS, lambda text: number(text) is not None),
        (_TRUTHS, is_truth),
    ):
        for name in names:
            value = getattr(row, name)
            if value is not None and not is_right(value):
                yield shown(name, value)
    if row.ssl_type is not None and is_whole(row.ssl_type) and row.ssl_type not in _TLS_WORDS:
        yield shown("ssl_type", row.ssl_type)


def _attributes(row: AccountRow) -> Iterator[tuple[str, AttributeValue]]:
    yield from method_attributes(methods_of(row.plugin, row.password, row.auth_or))
    changed = whole_number(row.password_last_changed, -1)
    yield "password_expired", changed == 0
    if 0 < changed < _END_OF_TIME:
        moment = datetime.fromtimestamp(changed, UTC)
        yield "password_last_changed", moment.isoformat().replace("+00:00", "Z")
    for name in _NUMBERS:
        value = number(getattr(row, name) or "")
        if value is not None:
            yield name, value
    if whole_number(row.password_lifetime, -1) == -1:
        yield "default_password_lifetime", row.default_password_lifetime
    yield "validates_passwords", bool(row.validates_passwords)
    if row.lower_case_table_names:
        yield NAMES_WITHOUT_CASE, row.lower_case_table_names
    tls = _TLS_WORDS.get(row.ssl_type or "0", row.ssl_type)
    for name, text in (("ssl_type", tls), ("ssl_cipher", row.ssl_cipher)):
        if text:
            yield name, text
    for name, text in (("x509_issuer", row.x509_issuer), ("x509_subject", row.x509_subject)):
        if text:
            yield name, text
