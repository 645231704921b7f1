"""In which databases an object of MySQL or MariaDB may lie. Pure.

The accounts tell of no database that nothing was granted on. The size collection lists them, as
far as its account sees them: SHOW DATABASES shows all to who has a privilege of the server on
objects, or that of its name (MySQL 8.4 Reference Manual, 15.7.7.15 SHOW DATABASES Statement).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.access.patterns import unescaped
from sync_pipeline.engines.mysql_protocol.privileges import SEES_TABLES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.inventory import Databases, Listing
from sync_pipeline.model.pattern import like
from sync_pipeline.model.privilege import Securable, SecurableKind

OWN = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
"""The databases that each server has."""
SEES_DATABASES = SEES_TABLES | {"SHOW DATABASES"}
_OLDEST = timedelta(days=2)
"""Databases are listed once a day: after a listing that failed, none is known to be gone."""
_NOT_IN_DATABASES = (SecurableKind.SERVER, SecurableKind.ACCOUNT, SecurableKind.DATABASE_PATTERN)


def is_servers_own(on: Securable) -> bool:
    """Return whether an object lies in a database that each server has."""
    return on.database.lower() in OWN


def missing_database(world: AccessWorld, on: Securable, listing: Listing) -> str:
    """Return the database that an object would lie in, where it is known not to be there.

    Names are compared without their case: that of the server may count or not.
    """
    if on.kind in _NOT_IN_DATABASES or listing.databases is None or is_servers_own(on):
        return ""
    names = {on.database.casefold(), unescaped(on.database).casefold()}
    if not names.isdisjoint(name.casefold() for name in listing.databases.present):
        return ""
    is_left_out = any(
        like(pattern.casefold(), name) for pattern in listing.databases.excluded for name in names
    )
    is_known = (
        not is_left_out and _is_recent(world, listing.databases) and _sees_all(world, listing)
    )
    return f"database {on.database}" if is_known else ""


def _is_recent(world: AccessWorld, listed: Databases) -> bool:
    return world.asked_at is not None and world.asked_at - listed.observed_at <= _OLDEST


def _sees_all(world: AccessWorld, listing: Listing) -> bool:
    """Return whether whoever listed the databases saw all of them, by the accounts as synced.

    An account that changed after the listing may have seen less then.
    """
    listed = listing.databases
    monitors = list(_of_user(world.accounts.values(), listing.monitor))
    return bool(monitors and listed) and all(
        _has_view_of_all(state)
        and listed is not None
        and (changed := listing.changed_at.get(state.name)) is not None
        and changed <= listed.observed_at
        for state in monitors
    )


def accounts_of(world: AccessWorld, user: str) -> list[str]:
    """Return the names of a user's accounts, on each of its hosts."""
    return [state.name for state in _of_user(world.accounts.values(), user)]


def _of_user(states: Iterable[AccountState], user: str) -> Iterable[AccountState]:
    for state in states:
        found = user_and_host(state.name)
        if user and found is not None and found[0] == user:
            yield state


def _has_view_of_all(state: AccountState) -> bool:
    is_whole = not any(grant.deny for grant in state.grants)
    return is_whole and any(
        grant.securable.kind is SecurableKind.SERVER and grant.privilege in SEES_DATABASES
        for grant in state.grants
    )
