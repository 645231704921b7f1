"""Rows of Oracle's data dictionary become account states. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_pipeline.engines.oracle.accounts.grants import (
    AdministratorRow,
    GrantRows,
    grants_by_holder,
    scope_of,
)
from sync_pipeline.engines.oracle.accounts.maintained import SYSTEM, is_known, maintained
from sync_pipeline.engines.oracle.accounts.privileges import ADMINISTRATIVE
from sync_pipeline.engines.oracle.accounts.traits import (
    BY_ROOT,
    DATABASE_ROLE,
    LACKS,
    LOCK_TIME,
    LOGINS_UNRECORDED,
    NOT_SEEN,
    PLATFORM,
    PROTECTED,
    PROXY_ONLY,
    READ_ONLY,
    WHOLE_DBA,
)
from sync_pipeline.engines.oracle.names import PUBLIC, account_name
from sync_pipeline.engines.oracle.platform import (
    AUTONOMOUS,
    MANAGED,
    RDS,
    ROOT,
    is_pluggable,
    platform_of,
)
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import AccountSetting, Grant, Membership

Holder = tuple[str, str]
"""A container (empty: the one connected to) and a name in it."""

DBA = "DBA"
DELEGATE = "DELEGATE OPTION"
_LIMITS = (
    ("password_life_time", "PASSWORD_LIFE_TIME"),
    ("failed_login_attempts", "FAILED_LOGIN_ATTEMPTS"),
    ("password_verify_function", "PASSWORD_VERIFY_FUNCTION"),
)
_TIMED = "(TIMED)"
_ADMINISTRATIVE = frozenset(ADMINISTRATIVE)
_SAME_MOMENT = timedelta(minutes=1)


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
    created: datetime | None = None
    proxy_only_connect: str | None = None


@dataclass(frozen=True, slots=True)
class UserLimitRow:
    """A row of `user_limits*.sql`; each is YES or NO."""

    container: str | None
    name: str
    read_only: str | None
    dictionary_protected: str | None


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
    common: str | None = None
    inherited: str | None = None


@dataclass(frozen=True, slots=True)
class DictionaryRows:
    """All that was read of one server. `place` is the part of it that was connected to.

    `database_role` is that of a standby, empty of a primary database.
    """

    place: str = ""
    database_role: str = ""
    users: Sequence[UserRow] = ()
    roles: Sequence[RoleRow] = ()
    profiles: Sequence[ProfileRow] = ()
    role_privs: Sequence[RolePrivRow] = ()
    user_limits: Sequence[UserLimitRow] = ()
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
        self._is_root = rows.place == ROOT
        self._is_pluggable = is_pluggable(rows.place)
        self._platform = platform_of(rows.place)
        self._database_role = rows.database_role
        self._limits = _limits(rows.profiles)
        self._user_limits: dict[Holder, UserLimitRow] = {
            (row.container or "", row.name): row for row in rows.user_limits
        }
        self._granted: dict[Holder, list[RolePrivRow]] = defaultdict(list)
        for row in rows.role_privs:
            self._granted[(row.container or "", row.grantee)].append(row)
        self._grants = grants_by_holder(
            replace(rows.grants, administrators=tuple(_in_all_containers(rows)))
        )
        self._read_only = frozenset(
            holder for holder, row in self._user_limits.items() if row.read_only == "YES"
        )
        self._superusers = _superusers(rows, self._grants, self._is_whole) - self._read_only
        # Where DBA is whole, SYSTEM has everything by it, and by no other role more.
        served = frozenset({SYSTEM}) if self._platform in MANAGED else frozenset()
        self._held_roles = _held_roles(rows, served)

    def public(self, container: str) -> AccountState:
        """Return the account that stands for all users of a container.

        What is of the whole container is kept with it.
        """
        return self._state(
            (container, PUBLIC),
            AccountKind.PUBLIC,
            attributes=tuple(
                (name, value)
                for name, value in (
                    (PLATFORM, self._platform_in(container)),
                    (DATABASE_ROLE, self._database_role),
                )
                if value
            ),
            settings=tuple(
                AccountSetting(container, PROTECTED, name)
                for (where, name), row in self._user_limits.items()
                if where == container and row.dictionary_protected == "YES"
            ),
        )

    def user(self, row: UserRow) -> AccountState:
        """Return a user; its password limits are as its profile resolves them.

        An expired password can still be changed at login, so it locks nobody out.
        """
        holder = (row.container or "", row.name)
        is_locked = "LOCKED" in row.account_status
        is_entered = row.authentication_type != "NONE" and row.proxy_only_connect != "Y"
        state = self._state(
            holder,
            AccountKind.USER,
            can_login=not is_locked and is_entered,
            is_locked=is_locked,
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
                *self._remarkable(holder, row),
            ),
            settings=(
                (AccountSetting(holder[0], READ_ONLY, "YES"),) if holder in self._read_only else ()
            ),
        )
        return replace(state, is_system=maintained(state))

    def _remarkable(self, holder: Holder, row: UserRow) -> Iterable[tuple[str, AttributeValue]]:
        """Yield what few accounts have, so that the others do not change by it."""
        if _TIMED in row.account_status:
            yield LOCK_TIME, self._limit(holder[0], row.profile, "PASSWORD_LOCK_TIME")
        if row.proxy_only_connect == "Y":
            yield PROXY_ONLY, True
        if row.last_login is None and not _is_since_12(row):
            yield LOGINS_UNRECORDED, True
        is_peoples = row.common == "YES" and row.oracle_maintained != "Y"
        has_any = any(item.privilege in _ADMINISTRATIVE for item in self._grants.get(holder, ()))
        if self._is_pluggable and is_peoples and not has_any:
            yield BY_ROOT, NOT_SEEN

    def role(self, row: RoleRow) -> AccountState:
        """Return a role; one with a password or an external name must be enabled first.

        One of Oracle's own that an account of people's has is kept with it: what it holds is
        what it was granted here, whatever the manuals say of it.
        """
        holder = (row.container or "", row.name)
        is_reduced = row.name == DBA and not self._is_whole(holder)
        return self._state(
            holder,
            AccountKind.ROLE,
            is_system=row.oracle_maintained == "Y" and holder not in self._held_roles,
            attributes=(
                ("authentication_type", row.authentication_type),
                ("is_common", row.common == "YES"),
                ("is_oracle_maintained", row.oracle_maintained == "Y"),
                *(((LACKS, ", ".join(self._missing(holder))),) if is_reduced else ()),
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
        settings: tuple[AccountSetting, ...] = (),
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
            settings=(
                *settings,
                *(
                    AccountSetting(container, DELEGATE, self._name(container, row.granted_role))
                    for row in granted
                    if row.delegate_option == "YES"
                ),
            ),
            grants=tuple(self._grants.get(holder, ())),
            is_system=is_system,
        )

    def _membership(self, row: RolePrivRow) -> Membership:
        return Membership(
            role=self._name(row.container or "", row.granted_role),
            admin=row.admin_option == "YES",
            default=row.default_role == "YES",
            scope=scope_of(row.common, row.inherited),
        )

    def _name(self, container: str, name: str) -> str:
        return account_name(name, container, is_root=self._is_root)

    def _profile(self, container: str, profile: str) -> Iterable[tuple[str, AttributeValue]]:
        for attribute, resource in _LIMITS:
            limit = self._limit(container, profile, resource)
            yield attribute, None if limit == "NULL" else limit

    def _limit(self, container: str, profile: str, resource: str) -> str | None:
        limit = self._limits.get((container, profile), {}).get(resource)
        if limit == "DEFAULT":
            return self._limits.get((container, "DEFAULT"), {}).get(resource)
        return limit

    def _is_whole(self, holder: Holder) -> bool:
        """Return whether the role DBA has what its name says, as far as was read.

        Providers take privileges from it: what DBA_SYS_PRIVS shows beats the name.
        """
        if self._platform == AUTONOMOUS or not self._grants.get(holder):
            return self._platform not in MANAGED
        return not self._missing(holder)

    def _platform_in(self, container: str) -> str:
        """Return whose service it is.

        Anybody may make an account RDSADMIN: a role DBA that lacks nothing is on no server of
        Amazon's.
        """
        is_rds = self._platform == RDS
        return "" if is_rds and self._is_whole((container, DBA)) else self._platform

    def _missing(self, holder: Holder) -> Sequence[str]:
        return sorted(WHOLE_DBA - {grant.privilege for grant in self._grants.get(holder, ())})


def _limits(rows: Iterable[ProfileRow]) -> Mapping[Holder, Mapping[str, str | None]]:
    found: dict[Holder, dict[str, str | None]] = defaultdict(dict)
    for row in rows:
        found[(row.container or "", row.profile)][row.resource_name] = row.limit_text
    return found


def _held_roles(rows: DictionaryRows, served: frozenset[str]) -> frozenset[Holder]:
    """Return the roles that an account or role has which Oracle did not make, by any chain.

    `served` are accounts of Oracle's that count like those.
    """
    roles: dict[Holder, list[Holder]] = defaultdict(list)
    for row in rows.role_privs:
        container = row.container or ""
        roles[(container, row.grantee)].append((container, row.granted_role))
    own = [
        (row.container or "", row.name, row.oracle_maintained if is_known(row.name) else "N")
        for row in rows.users
    ]
    own += [(row.container or "", row.name, row.oracle_maintained) for row in rows.roles]
    waiting = [
        (container, name)
        for container, name, by_oracle in own
        if by_oracle != "Y" or name in served
    ]
    waiting += [holder for holder in roles if holder[1] == PUBLIC]
    found: set[Holder] = set()
    while waiting:
        new = [role for role in roles.get(waiting.pop(), ()) if role not in found]
        found.update(new)
        waiting.extend(new)
    return frozenset(found)


def _in_all_containers(rows: DictionaryRows) -> Iterable[AdministratorRow]:
    """Yield the rows of the password file, those of all containers for each that has the user."""
    containers: dict[str, set[str]] = defaultdict(set)
    for user in rows.users if rows.place == ROOT else ():
        if user.container:
            containers[user.name].add(user.container)
    for row in rows.grants.administrators:
        yield row
        for container in sorted(containers[row.grantee]) if row.is_of_all else ():
            yield replace(row, container=container, common="YES")


def _is_since_12(row: UserRow) -> bool:
    """Return whether the account was made by a release that keeps LAST_LOGIN (since 12.1).

    A common user was; so was one whose only password has a verifier of 12c. Of others it is
    not known: the database may have been upgraded since. Without CREATED nothing is said.
    """
    if row.created is None or row.common == "YES":
        return True
    changed = row.password_changed_at
    is_first = changed is not None and abs(_clock(changed) - _clock(row.created)) <= _SAME_MOMENT
    return is_first and "12C" in (row.password_versions or "")


def _superusers(
    rows: DictionaryRows,
    grants: Mapping[Holder, Sequence[Grant]],
    is_whole: Callable[[Holder], bool],
) -> frozenset[Holder]:
    """Return SYS, who may connect as SYSDBA, DBA, and whoever has DBA through any chain."""
    members: dict[Holder, list[Holder]] = defaultdict(list)
    for row in rows.role_privs:
        container = row.container or ""
        members[(container, row.granted_role)].append((container, row.grantee))
    waiting = [(row.container or "", DBA) for row in rows.roles if row.name == DBA]
    waiting = [holder for holder in waiting if is_whole(holder)]
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


def _clock(value: datetime) -> datetime:
    """Return a date of the server's clock without a zone, which no DATE has."""
    return value.replace(tzinfo=None)


def _date(value: datetime | None) -> str | None:
    """Return a date of the server's clock, whose time zone the dictionary does not keep."""
    return None if value is None else value.replace(microsecond=0).isoformat()


def _month(value: datetime | None) -> str | None:
    """Return the first day of the month: each single login would be a change else."""
    return None if value is None else value.date().replace(day=1).isoformat()


def _words(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())
