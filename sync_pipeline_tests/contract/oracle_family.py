"""What the tests of Oracle share: a snapshot of an emulated server, and readers of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.size import DatabaseSize, SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from workbench.emulation.oracle import Session
from workbench.emulation.oracle_world import World

ENGINE = Oracle()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONITOR = "C##SYNC_MONITOR"


def snapshot_of(world: World, session: Session | None = None, username: str = MONITOR) -> Snapshot:
    """Collect the accounts as a sync would."""
    asked = session or Session()
    return collect_accounts(
        ENGINE, lambda _: world.server.session(asked), CollectScope(username), NOW
    )


def sizes_of(
    world: World, session: Session | None = None, largest_tables: int = 0, username: str = MONITOR
) -> SizeSnapshot:
    """Measure as a sync would."""
    asked = session or Session()
    scope = SizeScope(username, largest_tables)
    return collect_sizes(ENGINE, lambda _: world.server.session(asked), scope, NOW)


def account(snapshot: Snapshot, name: str) -> AccountState:
    """Return the one account of a name."""
    (found,) = (item for item in snapshot.accounts if item.name == name)
    return found


def attributes(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """Return the attributes of an account."""
    return dict(account(snapshot, name).attributes)


def grants(snapshot: Snapshot, name: str) -> set[str]:
    """Return the grants of an account as people read them."""
    return set(map(str, account(snapshot, name).grants))


def database(sizes: SizeSnapshot, name: str) -> DatabaseSize:
    """Return the one database of a name."""
    (found,) = (item for item in sizes.databases if item.name == name)
    return found
