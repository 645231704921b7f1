"""The history of instances, one after the other: what there is, the changes, the syncs that count.

Of the syncs those alone are told after which something was otherwise; of most nothing was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    Subquery,
    and_,
    bindparam,
    exists,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)

from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.history import LONG_WITHOUT_SYNC, Beginning, StoredHistory, SyncMark
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.store.change_log import later_of
from sync_pipeline.store.change_retention import pruned_before
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.past import sections_ever
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import instances
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.world_rows import stored_world

ToldT = TypeVar("ToldT")

_DECIDING = ("unread_sections", "engine", "server_version", "platform")
"""What of a sync's details can change an answer about the same accounts."""
_DAY = 86_400.0
_MOMENT = records.c.completed_at.type
_LONG_DAYS = LONG_WITHOUT_SYNC / timedelta(days=1)
_SHORT_DAYS = 1 / 24
_USUAL = 3
"""How many times the average is long."""


@dataclass(frozen=True, slots=True)
class _First:
    """The first entry of an instance's log, which is kept for ever."""

    at: datetime
    session_id: str


class HistoryReads:
    """Reads of what instances were over time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def each(
        self,
        instance_ids: Sequence[int],
        tell: Callable[[int, StoredHistory], ToldT],
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        only_changed: bool = False,
    ) -> Iterator[tuple[int, ToldT | StoreDamaged | None]]:
        """Yield what `tell` makes of each history; one instance is held at a time.

        None: it was never synced, by `until`. What is stored of an instance and can't be read is
        told by the error. `only_changed`: those without a change since `since` are left out.
        """
        chosen = self._changed(instance_ids, since) if only_changed else instance_ids
        for item in chosen:
            try:
                yield item, self._told(item, tell, since, until)
            except StoreDamaged as error:
                yield item, error

    def _changed(self, instance_ids: Sequence[int], since: datetime | None) -> Sequence[int]:
        """Return those of some instances that have a change later than a moment: seeks alone."""
        later = [log.c.instance_id == instances.c.id]
        if since is not None:
            later.append(log.c.changed_at > since)
        with self._database.read_once() as connection:
            chosen = among(connection, instances.c.id, instance_ids)
            query = select(instances.c.id).where(chosen, exists().where(*later))
            found = set(connection.scalars(query))
        return [item for item in instance_ids if item in found]

    def _told(
        self,
        instance_id: int,
        tell: Callable[[int, StoredHistory], ToldT],
        since: datetime | None,
        until: datetime | None,
    ) -> ToldT | None:
        with self._database.read() as connection:
            first = _first(connection, instance_id)
            if first is None or (until is not None and first.at > until):
                return None
            begins_at, beginning = _beginning(first, pruned_before(connection), since)
            world = stored_world(connection, instance_id)
            history = StoredHistory(
                world.known(),
                later_of(connection, instance_id, begins_at),
                begins_at,
                beginning,
                first.session_id,
                _marks(connection, instance_id, begins_at, until),
                sections_ever(connection, [instance_id]).get(instance_id, {}),
                world.mark,
            )
            return tell(instance_id, history)


def _first(connection: Connection, instance_id: int) -> _First | None:
    query = select(log.c.changed_at, log.c.session_id)
    query = query.where(log.c.instance_id == instance_id).order_by(log.c.changed_at, log.c.id)
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _First(row.changed_at, row.session_id)


def _beginning(
    first: _First, horizon: datetime, since: datetime | None
) -> tuple[datetime, Beginning]:
    """Return from when on a history is told, and why no earlier."""
    begins_at, beginning = first.at, Beginning.FIRST_SYNC
    if horizon > begins_at:
        begins_at, beginning = horizon, Beginning.PRUNED
    if since is not None and since > begins_at:
        return since, Beginning.ASKED
    return begins_at, beginning


def _marks(
    connection: Connection, instance_id: int, begins_at: datetime, until: datetime | None
) -> tuple[SyncMark, ...]:
    """Return the syncs that count, from the last one that had completed by a moment on."""
    query = _counting(connection.dialect.name == "sqlite", until is not None)
    asked = {"of_id": instance_id, "begins_at": begins_at}
    rows = connection.execute(query, asked | ({"until": until} if until else {}))
    return tuple(
        SyncMark(
            row.session_id,
            row.started_at or row.completed_at,
            row.completed_at,
            row.sync_details,
            row.before_at,
            row.before_ended_at,
            bool(row.is_after_gap),
        )
        for row in rows
    )


@cache
def _counting(is_sqlite: bool, is_bounded: bool) -> Select[Any]:  # noqa: FBT001 - two of each
    """Return the statement that finds them, made once for each of its forms."""
    begins_at = bindparam("begins_at", type_=_MOMENT)
    of_instance = (
        records.c.instance_id == bindparam("of_id"),
        records.c.sync_category == str(SyncCategory.ACCOUNT),
        # Written out: with a bound one no store would know that the index fits.
        records.c.status == literal_column("'completed'"),
    )
    last_before = select(func.max(records.c.completed_at)).where(
        *of_instance, records.c.completed_at <= begins_at
    )
    of_period = [
        *of_instance,
        records.c.completed_at >= func.coalesce(last_before.scalar_subquery(), begins_at),
    ]
    if is_bounded:
        # One that began by then may have read by then.
        began_at = func.coalesce(records.c.started_at, records.c.completed_at)
        of_period.append(began_at <= bindparam("until", type_=_MOMENT))
    run = _run(of_period, is_sqlite=is_sqlite)
    day = _days(records.c.completed_at, is_sqlite=is_sqlite)
    usual = select((func.max(day) - func.min(day)) / func.count()).where(*of_period)
    is_after_gap = or_(
        run.c.gap > _LONG_DAYS,
        and_(run.c.gap > _SHORT_DAYS, run.c.gap > _USUAL * usual.scalar_subquery()),
    )
    wrote = select(log.c.session_id).where(
        log.c.instance_id == bindparam("of_id"), log.c.changed_at >= begins_at
    )
    counts = or_(
        run.c.before_id.is_(None),
        run.c.next_id.is_(None),
        run.c.told != run.c.told_before,
        is_after_gap,
        run.c.session_id.in_(wrote),
    )
    return (
        select(
            records.c.session_id,
            records.c.started_at,
            records.c.completed_at,
            records.c.sync_details,
            run.c.before_at,
            run.c.before_ended_at,
            is_after_gap.label("is_after_gap"),
        )
        .join_from(run, records, records.c.id == run.c.id)
        .where(counts)
        .order_by(records.c.completed_at, records.c.id)
    )


def _run(of_period: Sequence[ColumnElement[bool]], *, is_sqlite: bool) -> Subquery:
    """Return the syncs of a period, each with the one before it."""
    day = _days(records.c.completed_at, is_sqlite=is_sqlite)
    told: ColumnElement[str] = literal("")
    for name in _DECIDING:
        told += func.coalesce(records.c.sync_details[name].as_string(), "-") + literal("|")
    each = (
        select(
            records.c.id,
            records.c.session_id,
            records.c.started_at,
            records.c.completed_at,
            day.label("day"),
            told.label("told"),
        )
        .where(*of_period)
        .subquery("each_sync")
    )
    columns, order = each.c, (each.c.completed_at, each.c.id)
    return select(
        columns.id,
        columns.session_id,
        columns.told,
        func.lag(columns.told).over(order_by=order).label("told_before"),
        func.lag(columns.started_at, type_=_MOMENT).over(order_by=order).label("before_at"),
        func.lag(columns.completed_at, type_=_MOMENT).over(order_by=order).label("before_ended_at"),
        func.lag(columns.id).over(order_by=order).label("before_id"),
        func.lead(columns.id).over(order_by=order).label("next_id"),
        (columns.day - func.lag(columns.day).over(order_by=order)).label("gap"),
    ).subquery("run")


def _days(column: ColumnElement[datetime], *, is_sqlite: bool) -> ColumnElement[float]:
    """Return a moment as a number of days."""
    if is_sqlite:
        return func.julianday(column, type_=Float)
    return type_coerce(extract("epoch", column) / _DAY, Float)
