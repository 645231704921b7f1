"""Accounts as they are shown: rows of several tables, and the packed states that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, select

from sync_pipeline.engines.own import is_own
from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import AccountFilter, AccountView
from sync_pipeline.model.platform import platform_named
from sync_pipeline.store.database import among
from sync_pipeline.store.reads import CONFIRMED, seen
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_reads, instances
from sync_pipeline.store.world_rows import AT_ONCE, StoredWorld, stored_worlds

OnDamage = Callable[[StoreDamaged], None]
ItemT = TypeVar("ItemT")
_ROWS_AT_ONCE = 1000


def views() -> Select[Any]:
    """Return the statement of all accounts, without what is packed of them."""
    return select(
        accounts,
        permissions,
        instances.c.name,
        instances.c.engine,
        instances.c.platform,
        *CONFIRMED,
    ).select_from(
        accounts.join(permissions)
        .join(instances)
        .outerjoin(instance_reads, instance_reads.c.instance_id == instances.c.id)
    )


@cache
def one_view() -> Select[Any]:
    """Return the statement of the account that is `named` so `on` an instance, made once."""
    return views().where(
        instances.c.name == bindparam("on"), accounts.c.account_name == bindparam("named")
    )


def rows_of(connection: Connection, wanted: AccountFilter) -> Iterable[Row[Any]]:
    """Return the rows of accounts in order of instance and name, some at a time.

    Who is of an engine itself the states tell: where those are left out, no limit is met here.
    """
    query = views()
    if wanted.name is not None:
        query = query.where(accounts.c.account_name.like(wanted.name, escape="\\"))
    if wanted.only_active:
        query = query.where(accounts.c.is_active.is_(True))
    if wanted.only_superusers:
        query = query.where(permissions.c.is_superuser.is_(True))
    if wanted.only_locked:
        query = query.where(permissions.c.is_locked.is_(True))
    if wanted.since is not None:
        query = query.where(permissions.c.last_change_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(permissions.c.last_change_at <= wanted.until)
    if wanted.instances is not None:
        query = query.where(among(connection, instances.c.id, wanted.instances))
    ordered = query.order_by(instances.c.name, accounts.c.account_name)
    if wanted.with_own:
        ordered = ordered.limit(wanted.limit)
    return connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE))


def is_shown(wanted: AccountFilter, item: AccountView) -> bool:
    """Return whether an account is shown: of people's, or of all."""
    return wanted.with_own or not is_own(EngineName(item.engine), item.state)


def viewed(
    connection: Connection, rows: Iterable[Row[Any]], on_damage: OnDamage | None = None
) -> Iterator[AccountView]:
    """Yield accounts with their states, which are read of one instance after the other.

    Raises:
        StoreDamaged: what is stored is not what was written (without `on_damage`).
    """
    for row, state in _found(connection, rows, StoredWorld.states_of, on_damage):
        yield view_of(row, state)


def counted(
    connection: Connection, rows: Iterable[Row[Any]], on_damage: OnDamage | None = None
) -> Iterator[tuple[AccountView, int]]:
    """Yield accounts whose states have no grants, and how many each has.

    Raises:
        StoreDamaged: what is stored is not what was written (without `on_damage`).
    """
    for row, (state, grants) in _found(connection, rows, StoredWorld.counted_of, on_damage):
        yield view_of(row, state), grants


def _found(
    connection: Connection,
    rows: Iterable[Row[Any]],
    read: Callable[[StoredWorld, AbstractSet[str]], dict[str, ItemT]],
    on_damage: OnDamage | None,
) -> Iterator[tuple[Row[Any], ItemT]]:
    """Yield rows with what is read of the packed accounts of their instances."""
    by_instance = ((item, list(own)) for item, own in groupby(rows, attrgetter("instance_id")))
    while some := list(islice(by_instance, AT_ONCE)):
        stored = stored_worlds(connection, [item for item, _ in some])
        for item, own in some:
            try:
                found = read(stored[item], {row.account_name for row in own})
            except StoreDamaged as error:
                if on_damage is None:
                    raise
                on_damage(error)
                continue
            yield from ((row, found[row.account_name]) for row in own)


def view_of(row: Row[Any], state: AccountState) -> AccountView:
    """Return an account of a row, with the state that was read of it."""
    synced_again = seen(row, row.last_sync_at)
    return AccountView(
        instance=row.name,
        engine=row.engine,
        state=state,
        is_active=row.is_active,
        first_seen_at=row.first_seen_at,
        last_seen_at=seen(row, row.last_seen_at) or row.last_seen_at,
        deleted_at=row.deleted_at,
        last_sync_at=synced_again or row.last_sync_at,
        last_change_at=row.last_change_at,
        session_id=row.confirmed_session_id if synced_again else row.sync_session_id,
        platform=platform_named(row.platform),
    )
