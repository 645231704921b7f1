"""The history of instances, one after the other: what there is, the changes, the syncs that count.

Of the syncs those alone are told after which something was otherwise; of most nothing was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    extract,
    func,
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
from sync_pipeline.store.database import Database
from sync_pipeline.store.past import sections_ever
from sync_pipeline.store.schema import account_change_log as log
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
    ) -> Iterator[tuple[int, ToldT | StoreDamaged | None]]:
        """Yield what `tell` makes of each history; one instance is held at a time.

        None: it was never synced, by `until`. What is stored of an instance and can't be read is
        told by the error.
        """
        for item in instance_ids:
            try:
                yield item, self._told(item, tell, since, until)
            except StoreDamaged as error:
                yield item, error

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
            history = StoredHistory(
                stored_world(connection, instance_id).known(),
                later_of(connection, instance_id, begins_at),
                begins_at,
                beginning,
                first.session_id,
                _marks(connection, instance_id, begins_at, until),
                sections_ever(connection, [instance_id]).get(instance_id, {}),
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
    query = _counting(connection, instance_id, begins_at, until)
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
        for row in connection.execute(query)
    )


def _counting(
    connection: Connection, instance_id: int, begins_at: datetime, until: datetime | None
) -> Select[Any]:
    completed = (
        records.c.instance_id == instance_id,
        records.c.sync_category == str(SyncCategory.ACCOUNT),
        # Written out: with a bound one no store would know that the index fits.
        records.c.status == literal_column("'completed'"),
    )
    last_before = select(func.max(records.c.completed_at)).where(
        *completed, records.c.completed_at <= begins_at
    )
    from_then = func.coalesce(last_before.scalar_subquery(), type_coerce(begins_at, _MOMENT))
    of_period = [records.c.completed_at >= from_then]
    if until is not None:
        # One that began by then may have read by then.
        began_at = func.coalesce(records.c.started_at, records.c.completed_at)
        of_period.append(began_at <= until)
    course = (records.c.completed_at, records.c.id)
    deciding = [records.c.sync_details[name].as_string() for name in _DECIDING]
    day = _days(connection, records.c.completed_at)
    count = func.count().over()
    run = (
        select(
            records.c.id,
            func.lag(records.c.started_at, type_=_MOMENT).over(order_by=course).label("before_at"),
            func.lag(records.c.completed_at, type_=_MOMENT)
            .over(order_by=course)
            .label("before_ended_at"),
            func.lag(records.c.id).over(order_by=course).label("before_id"),
            func.lead(records.c.id).over(order_by=course).label("next_id"),
            (day - func.lag(day).over(order_by=course)).label("gap"),
            ((func.max(day).over() - func.min(day).over()) / count).label("usual"),
            or_(
                *(item.is_distinct_from(func.lag(item).over(order_by=course)) for item in deciding)
            ).label("is_other"),
        )
        .where(*completed, *of_period)
        .subquery("run")
    )
    is_after_gap = or_(
        run.c.gap > _LONG_DAYS, and_(run.c.gap > _SHORT_DAYS, run.c.gap > _USUAL * run.c.usual)
    )
    wrote = select(log.c.session_id).where(
        log.c.instance_id == instance_id, log.c.changed_at >= begins_at
    )
    counts = or_(
        run.c.before_id.is_(None),
        run.c.next_id.is_(None),
        run.c.is_other,
        is_after_gap,
        records.c.session_id.in_(wrote),
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


def _days(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[float]:
    """Return a moment as a number of days."""
    if connection.dialect.name == "sqlite":
        return func.julianday(column, type_=Float)
    return type_coerce(extract("epoch", column) / _DAY, Float)
