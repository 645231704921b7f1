"""What of a container its world says: whose service it is, which schemas are protected. Pure."""

from __future__ import annotations

from sync_pipeline.engines.oracle.access.status import attribute
from sync_pipeline.engines.oracle.accounts.traits import DATABASE_ROLE, PLATFORM, PROTECTED
from sync_pipeline.engines.oracle.names import PUBLIC, account_name
from sync_pipeline.engines.oracle.platform import RDS, RDSADMIN
from sync_pipeline.model.access import AccessWorld


def platform_in(world: AccessWorld, container: str) -> str:
    """Return whose service a container is; empty: nobody's, as far as is known.

    PUBLIC keeps it. Without PUBLIC, Amazon RDS shows by the account of its provider.
    """
    state = world.accounts.get(account_name(PUBLIC, container))
    if state is None:
        return RDS if account_name(RDSADMIN, container) in world.accounts else ""
    return str(attribute(state, PLATFORM) or "")


def is_standby(world: AccessWorld, container: str) -> bool:
    """Return whether the database is a standby, on which no login is recorded."""
    state = world.accounts.get(account_name(PUBLIC, container))
    return state is not None and bool(attribute(state, DATABASE_ROLE))


def protected_by_name(world: AccessWorld, container: str) -> frozenset[str]:
    """Return the schemas with DICTIONARY_PROTECTED (Database Reference, DBA_USERS, 23ai)."""
    state = world.accounts.get(account_name(PUBLIC, container))
    settings = state.settings if state else ()
    return frozenset(item.value for item in settings if item.name == PROTECTED)
