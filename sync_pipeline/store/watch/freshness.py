"""What freshness needs of the fleet, and what it remembers: few statements, whatever the fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, Table, delete, func, select

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.freshness import (
    FreshnessCheck,
    FreshnessView,
    Quiet,
    Watched,
    WatchKey,
    WatchState,
)
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.store.database import Database, among, insert_rows, upsert
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.schema import instances
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.watch.schema import (
    IS_COMPLETED,
    freshness_announced,
    freshness_checks,
    freshness_states,
)


class FreshnessStore:
    """The tables of freshness."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def view(self, categories: Sequence[SyncCategory]) -> FreshnessView:
        """Return these categories of every instance there ever was, in one consistent view."""
        with self._database.read() as connection:
            return FreshnessView(
                tuple(_watched(connection, categories)),
                read_states(connection),
                read_announced(connection),
                read_checks(connection),
            )

    def save(
        self,
        before: Mapping[WatchKey, WatchState],
        after: Mapping[WatchKey, WatchState],
        checks: Iterable[FreshnessCheck],
        *,
        events: Sequence[Event] = (),
        unannounced: AbstractSet[WatchKey] = frozenset(),
    ) -> None:
        """Replace the states by those of a new look, and write the events that announce it.

        Only what is different is written, all of it in one transaction. `unannounced` are those
        that are overdue no longer, or are forgotten.
        """
        rows = [
            {
                "instance_id": instance_id,
                "sync_category": str(category),
                "quiet": None if state.quiet is None else str(state.quiet),
                "counted_from": state.counted_from,
                "stale_since": state.stale_since,
            }
            for (instance_id, category), state in after.items()
            if before.get((instance_id, category)) != state
        ]
        looks = [
            {
                "sync_category": str(item.category),
                "limit_seconds": item.limit.total_seconds(),
                "checked_at": item.checked_at,
            }
            for item in checks
        ]
        keys = ["instance_id", "sync_category"]
        values = ["quiet", "counted_from", "stale_since"]
        with self._database.write() as connection:
            _delete(connection, freshness_states, before.keys() - after.keys())
            upsert(connection, freshness_states, rows, keys, values)
            connection.execute(delete(freshness_checks))
            insert_rows(connection, freshness_checks, looks)
            if events or unannounced:
                # Another daemon may just have announced the same.
                self._database.lock(connection, freshness_announced)
                _announce(connection, events, unannounced)


def last_success(category: SyncCategory) -> ScalarSelect[datetime]:
    """Return when an instance of the enclosing query last succeeded: one seek of the index."""
    # The status is written out: with a bound one no store would know that the index fits.
    return (
        select(func.max(records.c.completed_at))
        .where(
            records.c.instance_id == instances.c.id,
            records.c.sync_category == str(category),
            IS_COMPLETED,
        )
        .correlate(instances)
        .scalar_subquery()
    )


def read_states(connection: Connection) -> dict[WatchKey, WatchState]:
    """Return every state that is kept."""
    return {
        _key(row): WatchState(
            None if row.quiet is None else Quiet(row.quiet), row.counted_from, row.stale_since
        )
        for row in connection.execute(select(freshness_states))
    }


def read_checks(connection: Connection) -> tuple[FreshnessCheck, ...]:
    """Return the last look at each category."""
    query = select(freshness_checks).order_by(freshness_checks.c.sync_category)
    return tuple(
        FreshnessCheck(
            SyncCategory(row.sync_category), timedelta(seconds=row.limit_seconds), row.checked_at
        )
        for row in connection.execute(query)
    )


def _watched(connection: Connection, categories: Sequence[SyncCategory]) -> Iterable[Watched]:
    query = select(
        instances.c.id,
        instances.c.name,
        instances.c.created_at,
        instances.c.is_active,
        *(last_success(category).label(str(category)) for category in categories),
    )
    for row in connection.execute(query.order_by(instances.c.name)):
        for category in categories:
            yield Watched(
                row.id,
                row.name,
                category,
                row.created_at,
                getattr(row, str(category)),
                row.is_active,
            )


def read_announced(connection: Connection) -> frozenset[WatchKey]:
    """Return what was announced as overdue."""
    return frozenset(_key(row) for row in connection.execute(select(freshness_announced)))


def _announce(
    connection: Connection, events: Sequence[Event], ended: AbstractSet[WatchKey]
) -> None:
    known = read_announced(connection)
    new = [event for event in events if (_key_of(event) in known) is not _begins(event)]
    rows = [
        {
            "instance_id": event.instance_id,
            "sync_category": event.subject,
            "announced_at": event.occurred_at,
        }
        for event in new
        if _begins(event)
    ]
    _delete(connection, freshness_announced, ended)
    insert_rows(connection, freshness_announced, rows)
    write_events(connection, new)


def _begins(event: Event) -> bool:
    return event.kind is EventKind.OVERDUE


def _key_of(event: Event) -> WatchKey:
    return event.instance_id, SyncCategory(event.subject)


def _key(row: Row[Any]) -> WatchKey:
    return row.instance_id, SyncCategory(row.sync_category)


def _delete(connection: Connection, table: Table, keys: AbstractSet[WatchKey]) -> None:
    """Delete rows by their keys: a statement for each category, not for each row."""
    by_category: dict[SyncCategory, list[int]] = defaultdict(list)
    for instance_id, category in keys:
        by_category[category].append(instance_id)
    for category, ids in by_category.items():
        is_one = among(connection, table.c.instance_id, ids)
        of_category = table.c.sync_category == str(category)
        connection.execute(delete(table).where(of_category, is_one))
