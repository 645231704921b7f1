"""Rows of SQL Server's catalogs become account states. Pure.

Sources: SQL Server documentation, sys.server_principals, sys.database_principals (types and
authentication types) and "Troubleshoot orphaned users".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sync_pipeline.engines.base import PROVIDERS_OWN
from sync_pipeline.engines.sqlserver.accounts.grants import Grants
from sync_pipeline.engines.sqlserver.accounts.lending import lending
from sync_pipeline.engines.sqlserver.accounts.rows import DatabaseRow, LoginRow, MemberRow, UserRow
from sync_pipeline.engines.sqlserver.accounts.well_known import (
    ATTRIBUTE,
    WellKnown,
    by_identifier,
    by_name,
)
from sync_pipeline.engines.sqlserver.names import SHARED, login_name, principal_name
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Membership, SecurableKind

NameOf = Callable[[str], str]

_GROUPS = ("G", "X")
_MAPPED_TO_KEYS = ("C", "K")
INSTANCE_AUTHENTICATION = 1
DATABASE_AUTHENTICATION = 2
_PROVIDERS = frozenset({"rdsadmin"})
"""Databases that a managed service keeps for itself: Amazon RDS, and Huawei's of the same name."""
OUTSIDE_AUTHENTICATION = (3, 4)
"""Windows and external: who they are is decided outside of SQL Server."""
DBO_ID = 1
BUILT_IN_IDS = (0, 1, 2, 3, 4)
"""public, dbo, guest, INFORMATION_SCHEMA and sys, in every database."""


def server_accounts(
    logins: Iterable[LoginRow], members: Iterable[MemberRow], grants: Grants
) -> tuple[AccountState, ...]:
    """Return one state for each principal of the server.

    One of the server's own on which somebody holds something is kept with it: whoever may
    impersonate it has what it has.
    """
    roles = _memberships(members, login_name)
    needed = _granted_on(grants)
    return tuple(
        _login(
            row,
            roles[login_name(row.name)],
            grants.get(login_name(row.name), ()),
            is_needed=row.name in needed,
        )
        for row in logins
    )


def _granted_on(grants: Grants) -> frozenset[str]:
    """Return the names of the principals on which others hold something."""
    return frozenset(
        grant.securable.name
        for holder, items in grants.items()
        for grant in items
        if grant.securable.kind is SecurableKind.PRINCIPAL
        and not grant.deny
        and grant.securable.name != holder
    )


def database_accounts(
    database: str, users: Iterable[UserRow], members: Iterable[MemberRow], grants: Grants
) -> tuple[AccountState, ...]:
    """Return one state for each principal of a database."""

    def named(name: str) -> str:
        return principal_name(database, name)

    roles = _memberships(members, named)
    return tuple(
        _user(database, row, roles[named(row.name)], grants.get(named(row.name), ()))
        for row in users
    )


def _memberships(members: Iterable[MemberRow], named: NameOf) -> Mapping[str, list[Membership]]:
    found: dict[str, list[Membership]] = defaultdict(list)
    for row in members:
        found[named(row.member)].append(Membership(named(row.role)))
    return found


def _login(
    row: LoginRow, memberships: Sequence[Membership], grants: Sequence[Grant], *, is_needed: bool
) -> AccountState:
    attributes: dict[str, AttributeValue] = {
        "type": row.type_desc,
        "is_disabled": bool(row.is_disabled),
        "is_fixed_role": bool(row.is_fixed_role),
        "default_database": row.default_database_name,
    }
    if row.type == "S":
        attributes |= {
            "is_policy_checked": _flag(row.is_policy_checked),
            "is_expiration_checked": _flag(row.is_expiration_checked),
            "is_expired": _flag(row.is_expired),
            "must_change": _flag(row.must_change),
            "password_set_at": _utc(row.password_set_at),
        }
    what = by_identifier(
        row.name,
        row.type,
        row.sid,
        is_disabled=bool(row.is_disabled),
        is_fixed_role=bool(row.is_fixed_role),
    )
    if what is not by_name(row.name):
        attributes[ATTRIBUTE] = str(what)
    kind = {"R": AccountKind.ROLE}.get(row.type, AccountKind.LOGIN)
    if row.type in _GROUPS:
        kind = AccountKind.GROUP
    return AccountState(
        name=login_name(row.name),
        kind=kind,
        can_login=row.type not in ("R", *_MAPPED_TO_KEYS) and not row.is_disabled,
        is_locked=bool(row.is_locked),
        is_superuser=bool(row.is_sysadmin),
        attributes=tuple(attributes.items()),
        memberships=tuple(memberships),
        grants=tuple(grants),
        # Fixed roles stay: what they are granted, and who is in them, is worth a look.
        is_system=what in (WellKnown.SETUP, WellKnown.SERVICE)
        and row.type != "R"
        and not is_needed,
    )


def _user(
    database: str, row: UserRow, memberships: Sequence[Membership], grants: Sequence[Grant]
) -> AccountState:
    attributes: dict[str, AttributeValue] = {
        "type": row.type_desc,
        "authentication_type": row.authentication_type_desc,
        "is_fixed_role": bool(row.is_fixed_role),
        "default_schema": row.default_schema_name,
        "is_orphaned": is_orphaned(row),
    }
    if row.login is not None:
        attributes["login"] = login_name(str(row.login))
    if row.principal_id == DBO_ID:
        attributes |= lending(
            database,
            is_trustworthy_on=bool(row.is_trustworthy_on),
            is_db_chaining_on=bool(row.is_db_chaining_on),
        )
    kinds = {"R": AccountKind.ROLE, "A": AccountKind.APPLICATION_ROLE}
    kind = AccountKind.GROUP if row.type in _GROUPS else kinds.get(row.type, AccountKind.USER)
    return AccountState(
        name=principal_name(database, row.name),
        kind=kind,
        can_login=_logs_in_itself(row),
        database=database,
        attributes=tuple(attributes.items()),
        memberships=tuple(memberships),
        grants=tuple(grants),
    )


def is_orphaned(row: UserRow) -> bool:
    """Return whether a login of this user's type should exist and does not.

    Only a SQL user that the instance authenticates needs a login of its own. A user without
    a login, one of a certificate or a key, a contained user, and a Windows user who comes in
    through a group need none.
    """
    return (
        row.type == "S"
        and row.authentication_type == INSTANCE_AUTHENTICATION
        and row.principal_id not in BUILT_IN_IDS
        and row.login is None
    )


def _logs_in_itself(row: UserRow) -> bool:
    """Return whether a principal of a database can connect to it without a login."""
    if row.authentication_type == DATABASE_AUTHENTICATION:
        return True
    is_contained = row.containment != 0 and row.login is None
    return is_contained and row.authentication_type in OUTSIDE_AUTHENTICATION


def unreadable(row: DatabaseRow) -> str:
    """Return why a database is not opened, or nothing where it is.

    The mode comes before access: in SINGLE_USER the first who comes has the one connection,
    and whoever set a mode is at work on the database (ALTER DATABASE SET options, user access).
    To restore the next log of one in standby, nobody else may be in it (Configure log shipping).
    """
    mode = _not_for_all(row)
    if mode or row.has_access:
        return mode
    if is_providers(row):
        return PROVIDERS_OWN
    if row.may_connect_any:
        return (
            "it is a secondary replica that allows no reads"
            if row.is_replicated
            else "it can't be opened now"
        )
    return "CONNECT is missing"


def _not_for_all(row: DatabaseRow) -> str:
    """Return what keeps a database from everybody, or from all but whoever works on it."""
    if row.state != 0:
        return f"it is {row.state_desc.lower().replace('_', ' ')}"
    if row.user_access_desc != SHARED:
        return f"it is in the mode {row.user_access_desc}, and left to whoever set that"
    if row.is_in_standby:
        return "it is in standby, and left to whoever restores its next log"
    return ""


def lacks_connect(row: DatabaseRow) -> bool:
    """Return whether only a grant keeps a database closed."""
    return _keeps_out(row) and row.name.lower() not in _PROVIDERS


def is_providers(row: DatabaseRow) -> bool:
    """Return whether a database is closed because it is the provider's of a managed service."""
    return _keeps_out(row) and row.name.lower() in _PROVIDERS


def _keeps_out(row: DatabaseRow) -> bool:
    return not (_not_for_all(row) or row.has_access or row.may_connect_any)


def caution(row: DatabaseRow) -> str:
    """Return what opening a database does to the server, nothing where it only connects.

    ALTER DATABASE SET options (Transact-SQL), AUTO_CLOSE: the first user starts the database,
    and after the last one it is shut down and its resources are freed.
    """
    if not row.is_auto_close_on:
        return ""
    return (
        "AUTO_CLOSE is on, so each sync starts the database and lets it shut down again"
        " (ALTER DATABASE ... SET AUTO_CLOSE OFF ends that)"
    )


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=UTC).isoformat()
