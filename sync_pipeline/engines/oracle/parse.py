"""Rows of Oracle's data dictionary become account states. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.engines.oracle.grants import GrantRows, grants_by_holder
from sync_pipeline.engines.oracle.names import PUBLIC, account_name
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import AccountSetting, Grant, Membership

Holder = tuple[str, str]
"""A container (empty: the one connected to) and a name in it."""

ADMINISTRATORS = frozenset({"SYS", "SYSTEM"})
"""Accounts that Oracle maintains and people log in with: never left out as its own."""

DBA = "DBA"
DELEGATE = "DELEGATE OPTION"
_LIMITS = (
    ("password_life_time", "PASSWORD_LIFE_TIME"),
    ("failed_login_attempts", "FAILED_LOGIN_ATTEMPTS"),
    ("password_verify_function", "PASSWORD_VERIFY_FUNCTION"),
)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row of `users*.sql`; dates are those of the server's clock, `last_login` is UTC."""

    container: str | None
    name: str
    account_status: str
    lock_date: datetime | None
    expiry_date: datetime | None
    last_login: datetime | None
    password_changed_at: datetime | None
    profile: str
    authentication_type: str | None
    password_versions: str | None
    common: str
    oracle_maintained: str
    default_tablespace: str


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A row of `roles*.sql`."""

    container: str | None
    name: str
    authentication_type: str | None
    common: str
    oracle_maintained: str


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A row of `profiles*.sql`: one limit of one profile."""

    container: str | None
    profile: str
    resource_name: str
    limit_text: str | None


@dataclass(frozen=True, slots=True)
class RolePrivRow:
    """A row of `role_privs*.sql`."""

    container: str | None
    grantee: str
    granted_role: str
    admin_option: str
    delegate_option: str
    default_role: str


@dataclass(frozen=True, slots=True)
class DictionaryRows:
    """All that was read of one server. `is_root`: from the root of a container database."""

    is_root: bool
    users: Sequence[UserRow] = ()
    roles: Sequence[RoleRow] = ()
    profiles: Sequence[ProfileRow] = ()
    role_privs: Sequence[RolePrivRow] = ()
    grants: GrantRows = field(default_factory=GrantRows)


def account_states(rows: DictionaryRows) -> tuple[AccountState, ...]:
    """Return one state for each user and role, and one for PUBLIC in each container."""
    build = _Builder(rows)
    containers = sorted({row.container or "" for row in rows.users})
    return (
        *(build.public(container) for container in containers),
        *(build.user(row) for row in rows.users),
        *(build.role(row) for row in rows.roles),
    )


class _Builder:
    """The rows by the account that they belong to."""

    def __init__(self, rows: DictionaryRows) -> None:
        self._is_root = rows.is_root
        self._limits = _limits(rows.profiles)
        self._granted: dict[Holder, list[RolePrivRow]] = defaultdict(list)
        for row in rows.role_privs:
            self._granted[(row.container or "", row.grantee)].append(row)
        self._grants = grants_by_holder(rows.grants)
        self._superusers = _superusers(rows, self._grants)

    def public(self, container: str) -> AccountState:
        """Return the account that stands for all users of a container."""
        return self._state((container, PUBLIC), AccountKind.PUBLIC)

    def user(self, row: UserRow) -> AccountState:
        """Return a user; its password limits are as its profile resolves them.

        An expired password can still be changed at login, so it locks nobody out.
        """
        holder = (row.container or "", row.name)
        is_locked = "LOCKED" in row.account_status
        return self._state(
            holder,
            AccountKind.USER,
            can_login=not is_locked and row.authentication_type != "NONE",
            is_locked=is_locked,
            is_system=row.oracle_maintained == "Y" and row.name not in ADMINISTRATORS,
            attributes=(
                ("account_status", row.account_status),
                ("lock_date", _date(row.lock_date)),
                ("expiry_date", _date(row.expiry_date)),
                ("last_login", _month(row.last_login)),
                ("password_changed_at", _date(row.password_changed_at)),
                ("profile", row.profile),
                ("authentication_type", row.authentication_type),
                ("password_versions", _words(row.password_versions)),
                ("is_common", row.common == "YES"),
                ("is_oracle_maintained", row.oracle_maintained == "Y"),
                ("default_tablespace", row.default_tablespace),
                *self._profile(holder[0], row.profile),
            ),
        )

    def role(self, row: RoleRow) -> AccountState:
        """Return a role; one with a password or an external name must be enabled first."""
        return self._state(
            (row.container or "", row.name),
            AccountKind.ROLE,
            is_system=row.oracle_maintained == "Y",
            attributes=(
                ("authentication_type", row.authentication_type),
                ("is_common", row.common == "YES"),
                ("is_oracle_maintained", row.oracle_maintained == "Y"),
            ),
        )

    def _state(
        self,
        holder: Holder,
        kind: AccountKind,
        *,
        can_login: bool = False,
        is_locked: bool = False,
        is_system: bool = False,
        attributes: tuple[tuple[str, AttributeValue], ...] = (),
    ) -> AccountState:
        container, name = holder
        granted = self._granted.get(holder, [])
        return AccountState(
            name=self._name(container, name),
            kind=kind,
            can_login=can_login,
            is_locked=is_locked,
            is_superuser=holder in self._superusers,
            database=container,
            attributes=attributes,
            memberships=tuple(self._membership(row) for row in granted),
            settings=tuple(
                AccountSetting(container, DELEGATE, self._name(container, row.granted_role))
                for row in granted
                if row.delegate_option == "YES"
            ),
            grants=tuple(self._grants.get(holder, ())),
            is_system=is_system,
        )

    def _membership(self, row: RolePrivRow) -> Membership:
        return Membership(
            role=self._name(row.container or "", row.granted_role),
            admin=row.admin_option == "YES",
            default=row.default_role == "YES",
        )

    def _name(self, container: str, name: str) -> str:
        return account_name(name, container, is_root=self._is_root)

    def _profile(self, container: str, profile: str) -> Iterable[tuple[str, AttributeValue]]:
        own = self._limits.get((container, profile), {})
        default = self._limits.get((container, "DEFAULT"), {})
        for attribute, resource in _LIMITS:
            limit = own.get(resource)
            limit = default.get(resource) if limit == "DEFAULT" else limit
            yield attribute, None if limit == "NULL" else limit


def _limits(rows: Iterable[ProfileRow]) -> Mapping[Holder, Mapping[str, str | None]]:
    found: dict[Holder, dict[str, str | None]] = defaultdict(dict)
    for row in rows:
        found[(row.container or "", row.profile)][row.resource_name] = row.limit_text
    return found


def _superusers(
    rows: DictionaryRows, grants: Mapping[Holder, Sequence[Grant]]
) -> frozenset[Holder]:
    """Return SYS, who may connect as SYSDBA, DBA, and whoever has DBA through any chain."""
    members: dict[Holder, list[Holder]] = defaultdict(list)
    for row in rows.role_privs:
        container = row.container or ""
        members[(container, row.granted_role)].append((container, row.grantee))
    waiting = [(row.container or "", DBA) for row in rows.roles if row.name == DBA]
    found = set(waiting)
    while waiting:
        new = [holder for holder in members[waiting.pop()] if holder not in found]
        found.update(new)
        waiting.extend(new)
    found.update((row.container or "", row.name) for row in rows.users if row.name == "SYS")
    found.update(
        holder
        for holder, held in grants.items()
        if any(grant.privilege == "SYSDBA" for grant in held)
    )
    return frozenset(found)


def _date(value: datetime | None) -> str | None:
    """Return a date of the server's clock, whose time zone the dictionary does not keep."""
    return None if value is None else value.replace(microsecond=0).isoformat()


def _month(value: datetime | None) -> str | None:
    """Return the first day of the month: each single login would be a change else."""
    return None if value is None else value.date().replace(day=1).isoformat()


def _words(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())
