"""What a review asks of any account, from DBA_USERS and the profile it has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_pipeline.engines.oracle.access.managed import is_standby, platform_in
from sync_pipeline.engines.oracle.access.names import SYS, local_name
from sync_pipeline.engines.oracle.access.predefined import ADMINISTRATIVE, SYSDBA
from sync_pipeline.engines.oracle.access.roles import is_public, is_user
from sync_pipeline.engines.oracle.access.status import (
    attribute,
    authentication_of,
    is_temporarily_locked,
    lock_of,
    status_of,
)
from sync_pipeline.engines.oracle.accounts.maintained import is_marked
from sync_pipeline.engines.oracle.accounts.traits import BY_ROOT, LOGINS_UNRECORDED
from sync_pipeline.engines.oracle.platform import RDS, RDSADMIN, provider_accounts
from sync_pipeline.model.access import AccessWorld, AccountFacts
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.platform import Platform

_PASSWORD = "PASSWORD"  # noqa: S105 - an authentication type, not a password
_UNLIMITED = "UNLIMITED"
_NO_FUNCTION = "NULL"
_ANONYMOUS = "ANONYMOUS"

_MONTH = timedelta(days=31)
"""The month of the last login is kept, from its first day on."""
_OLD_VERSION = (
    "A password version of 10G is kept: it ignores case and is quickly guessed from a copy."
)
_NEWER_VERSION = (
    "ALTER USER ... IDENTIFIED BY ... keeps no version of 10G once "
    "SQLNET.ALLOWED_LOGON_VERSION_SERVER is 12 or higher in sqlnet.ora of the server."
)


def facts_of(state: AccountState, world: AccessWorld) -> AccountFacts:
    """Return the facts of an account.

    ANONYMOUS is the account by which Oracle XML DB lets people in without a name, RDSADMIN
    the one of the provider of Amazon RDS.
    """
    name = local_name(state.name, state.database)
    is_rdsadmin = name == RDSADMIN and platform_in(world, state.database) == RDS
    is_providers = is_rdsadmin or is_of_provider(state, world.platform)
    is_maintained = attribute(state, "is_oracle_maintained") is True and not is_marked(state)
    is_system = is_public(state) or is_maintained or is_rdsadmin
    if not is_user(state):
        return AccountFacts(
            is_system=is_system,
            is_provider=is_providers,
            authentication=authentication_of(state),
        )
    has_password = authentication_of(state) == _PASSWORD
    weakness = _weakness(state) if has_password else ""
    last_login = _moment(attribute(state, "last_login"))
    return AccountFacts(
        is_system=is_system,
        is_provider=is_providers,
        is_anonymous=name == _ANONYMOUS,
        authentication=authentication_of(state),
        weak_authentication=weakness,
        login_advice=_NEWER_VERSION if weakness else "",
        never_expires=_never_expires(state) if has_password else None,
        is_expired=_is_expired(state),
        has_password_rules=_has_password_rules(state) if has_password else None,
        never_used=None if name == SYS else _never_used(state, last_login, world),
        last_used_at=last_login,
        unused_since=_unused_since(state, last_login, world),
        password_changed_at=_moment(attribute(state, "password_changed_at"))
        if has_password
        else None,
        temporarily_locked=lock_of(state) if is_temporarily_locked(state) else "",
    )


def is_of_provider(state: AccountState, platform: Platform) -> bool:
    """Return whether an account is the provider's, as far as it shows by itself.

    No customer of a service gets to the root, or to SYS and SYSTEM: what was made in all
    containers, and what Oracle maintains, is not theirs (Autonomous Database, "ADMIN User Roles and
    Privileges"; Amazon RDS User Guide, "RDS for Oracle users and privileges"). PUBLIC is everybody.
    """
    if is_public(state) or not platform.is_managed:
        return False
    is_maintained = attribute(state, "is_oracle_maintained") is True
    is_common = attribute(state, "is_common") is True
    return is_maintained or is_common or state.name in provider_accounts(platform)


def _is_expired(state: AccountState) -> bool | None:
    """Return whether the password's life is over, in its grace time or after it."""
    if attribute(state, "account_status") is None:
        return None
    return bool(status_of(state).expired)


def _weakness(state: AccountState) -> str:
    """Return what is weak about the password (Database Reference, PASSWORD_VERSIONS)."""
    versions = str(attribute(state, "password_versions") or "").upper().split()
    return _OLD_VERSION if "10G" in versions else ""


def _never_expires(state: AccountState) -> bool | None:
    """Return whether PASSWORD_LIFE_TIME has no end (SQL Language Reference, CREATE PROFILE)."""
    limit = str(attribute(state, "password_life_time") or "").strip().upper()
    if limit == _UNLIMITED:
        return True
    return False if limit.replace(".", "", 1).isdigit() else None


def _has_password_rules(state: AccountState) -> bool | None:
    """Return whether a function checks new passwords.

    A profile without one keeps NULL there. A profile that was not read has no life time
    either, which every profile has.
    """
    function = attribute(state, "password_verify_function")
    if function is None and attribute(state, "password_life_time") is None:
        return None
    return function not in {None, "", _NO_FUNCTION}


def _never_used(
    state: AccountState, last_login: datetime | None, world: AccessWorld
) -> bool | None:
    """Return whether nobody ever logged in.

    Database Reference, DBA_USERS: LAST_LOGIN stays empty for connections AS SYSDBA and kin.
    Nor is it kept of logins on a standby, which can't be written, or before release 12.1.
    """
    if last_login is not None:
        return False
    is_kept = any(name == "last_login" for name, _ in state.attributes)
    connects_as = {SYSDBA, *ADMINISTRATIVE} & {grant.privilege for grant in state.grants}
    is_unsure = bool(attribute(state, BY_ROOT) or attribute(state, LOGINS_UNRECORDED))
    unknown = connects_as or not is_kept or is_unsure or is_standby(world, state.database)
    return None if unknown else True


def _unused_since(
    state: AccountState, last_login: datetime | None, world: AccessWorld
) -> datetime | None:
    """Return the end of the month in which somebody logged in last; None: there may be later ones.

    As of `_never_used`: logins AS SYSDBA and kin, and those on a standby, are not kept.
    """
    connects_as = {SYSDBA, *ADMINISTRATIVE} & {grant.privilege for grant in state.grants}
    is_unsure = bool(connects_as or attribute(state, BY_ROOT))
    if last_login is None or is_unsure or is_standby(world, state.database):
        return None
    return last_login + _MONTH


def _moment(value: object) -> datetime | None:
    """Return a moment; a day alone is its beginning in UTC."""
    if not isinstance(value, str) or not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
