"""What a review asks of an account of SQL Server."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.engines.sqlserver.access.entry import attribute
from sync_pipeline.engines.sqlserver.access.fixed_roles import (
    DB_OWNER,
    FIXED_DATABASE_ROLES,
    SERVER_ROLES,
)
from sync_pipeline.engines.sqlserver.access.principals import DBO, GUEST, PUBLIC
from sync_pipeline.engines.sqlserver.accounts.logical import is_logical, is_server_admin
from sync_pipeline.engines.sqlserver.accounts.well_known import WellKnown, well_known
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.engines.sqlserver.platform import provider_accounts
from sync_pipeline.model.access import AccountFacts
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.platform import Platform

SQL_LOGIN = "SQL_LOGIN"

_SYSTEM_USERS = frozenset({DBO, GUEST, PUBLIC, "sys", "INFORMATION_SCHEMA"})
_SYSTEM_DATABASES = frozenset({"master", "model", "msdb", "tempdb"})
_SYSTEMS = (WellKnown.SETUP, WellKnown.SERVICE, WellKnown.WINDOWS)
_AUTHENTICATION = {
    SQL_LOGIN: "SQL Server password",
    "WINDOWS_LOGIN": "Windows",
    "WINDOWS_GROUP": "Windows",
    "EXTERNAL_LOGIN": "Microsoft Entra ID",
    "EXTERNAL_GROUP": "Microsoft Entra ID",
    "CERTIFICATE_MAPPED_LOGIN": "certificate",
    "ASYMMETRIC_KEY_MAPPED_LOGIN": "asymmetric key",
}
_USER_AUTHENTICATION = {
    "DATABASE": "password in the database",
    "INSTANCE": "login",
    "WINDOWS": "Windows",
    "EXTERNAL": "Microsoft Entra ID",
}
_LOCKOUT = (
    "locked out by wrong passwords, temporarily, until the lockout duration of the Windows policy "
    "is over (where that is 0: until ALTER LOGIN ... UNLOCK)"
)
_NO_POLICY = (
    "The password of this login is not held to the password policy of Windows"
    " (CHECK_POLICY = OFF): it may be short, and wrong guesses lock nothing."
)


def account_facts(account: AccountState, platform: Platform = Platform.SELF_RUN) -> AccountFacts:
    """Return the facts that the catalog has; it does not record when a login was last used."""
    kind = str(attribute(account, "type") or "")
    is_sql = kind == SQL_LOGIN
    policy = _truth(account, "is_policy_checked") if is_sql else None
    expires = _truth(account, "is_expiration_checked") if is_sql else None
    return AccountFacts(
        is_system=is_system(account),
        is_built_in=well_known(account) is WellKnown.SA or is_server_admin(account),
        is_provider=is_of_provider(account, platform),
        authentication=_authentication(account, kind),
        weak_authentication=_NO_POLICY if policy is False else "",
        never_expires=None if expires is None else not expires,
        is_expired=_truth(account, "is_expired") if is_sql else None,
        has_password_rules=policy,
        orphaned=_orphaned(account, kind),
        temporarily_locked=_lockout(account),
        password_changed_at=_changed_at(account) if is_sql else None,
    )


def is_of_provider(account: AccountState, platform: Platform) -> bool:
    """Return whether an account is the provider's: its login, and the users of that login.

    Nobody else gets to be an owner of the databases that are the server's own.
    """
    names = provider_accounts(platform)
    if not account.database:
        return account.name in names
    is_mapped = attribute(account, "login") in names
    is_servers = bool(names) and account.database in _SYSTEM_DATABASES
    return is_mapped or (is_servers and split_account(account.name)[1] == DB_OWNER)


def _changed_at(account: AccountState) -> datetime | None:
    """Return the day on which a password was set (LOGINPROPERTY, PasswordLastSetTime)."""
    value = attribute(account, "password_set_at")
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None


def is_system(account: AccountState) -> bool:
    """Return whether SQL Server makes a principal for itself. `sa` is one for people."""
    if well_known(account) in _SYSTEMS:
        return True
    database, name = split_account(account.name)
    if database:
        return name in _SYSTEM_USERS or name in FIXED_DATABASE_ROLES or is_logical(account)
    is_fixed = name in SERVER_ROLES and attribute(account, "is_fixed_role") is not False
    return name == PUBLIC or is_fixed


def is_own(account: AccountState) -> bool:
    """Return whether SQL Server makes a principal that stands neither for people nor for all."""
    _, name = split_account(account.name)
    return name not in (DBO, GUEST, PUBLIC) and is_system(account)


def is_everyone(account: str) -> bool:
    """Return whether an account stands for all logins or users, or for those without a user."""
    database, name = split_account(account)
    return name == PUBLIC or (bool(database) and name == GUEST)


def _authentication(account: AccountState, kind: str) -> str:
    if account.database:
        return _USER_AUTHENTICATION.get(str(attribute(account, "authentication_type")), "")
    return _AUTHENTICATION.get(kind, "")


def _lockout(account: AccountState) -> str:
    """Say that wrong passwords locked a login (LOGINPROPERTY, IsLocked), which ends by itself."""
    is_out = account.is_locked and attribute(account, "is_disabled") is not True
    return _LOCKOUT if is_out else ""


def _orphaned(account: AccountState, kind: str) -> str:
    """Say what is missing; users that never have a login are no orphans."""
    _, name = split_account(account.name)
    without = attribute(account, "authentication_type") in ("NONE", "DATABASE")
    mapped = kind.startswith(("CERTIFICATE", "ASYMMETRIC_KEY"))
    if name in _SYSTEM_USERS or without or mapped:
        return ""
    if attribute(account, "is_orphaned") is not True:
        return ""
    return f"No login has the security identifier of user {name} of database {account.database}."


def _truth(account: AccountState, name: str) -> bool | None:
    value = attribute(account, name)
    return None if value is None else bool(value)
