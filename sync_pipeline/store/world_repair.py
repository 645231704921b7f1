"""Writing the accounts of an instance again, where what is stored of them is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from sync_pipeline.model.change import KnownAccount
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instances
from sync_pipeline.store.world_rows import damaged, put_world
from sync_pipeline.store.worlds.packed import WorldAccount
from sync_pipeline.store.worlds.packing import pack

_LISTED = (
    select(
        accounts.c.account_name,
        accounts.c.is_active,
        accounts.c.kind,
        permissions.c.is_superuser,
        permissions.c.is_locked,
        permissions.c.can_login,
        permissions.c.last_change_at,
    )
    .select_from(accounts.join(permissions))
    .where(accounts.c.instance_id == bindparam("of_id"))
    .order_by(accounts.c.account_name)
)
_NAME = select(instances.c.name).where(instances.c.id == bindparam("of_id"))


def write_world_again(
    connection: Connection, instance_id: int, found: Mapping[str, KnownAccount], now: datetime
) -> None:
    """Write accounts in the place of those that can't be read.

    The other tables list what each account is in short: the same must have been found.

    Raises:
        StoreDamaged: it is not the same.
    """
    listed = {row.account_name: row for row in connection.execute(_LISTED, {"of_id": instance_id})}
    strange = sum(
        name not in found or not _is_same(row, found[name]) for name, row in listed.items()
    )
    strange += len(found.keys() - listed.keys())
    if strange:
        name = connection.scalar(_NAME, {"of_id": instance_id})
        raise damaged(str(name), f"and {strange} of them are not what the change log makes of them")
    world = pack(
        WorldAccount(found[name].state, row.is_active, row.last_change_at)
        for name, row in sorted(listed.items())
    )
    put_world(connection, instance_id, world, now)


def _is_same(row: Row[Any], account: KnownAccount) -> bool:
    state = account.state
    return (row.is_active, row.kind, row.is_superuser, row.is_locked, row.can_login) == (
        account.is_active,
        str(state.kind),
        state.is_superuser,
        state.is_locked,
        state.can_login,
    )
