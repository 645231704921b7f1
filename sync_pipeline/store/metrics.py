"""What the metrics ask of the store: as many statements for 10,000 instances as for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Float,
    Row,
    ScalarSelect,
    TableValuedAlias,
    case,
    cast,
    func,
    select,
    true,
)

from sync_pipeline.categories import CATEGORIES, reading_categories
from sync_pipeline.model.daemon_lease import DaemonLease
from sync_pipeline.model.freshness import WatchKey, WatchState
from sync_pipeline.model.metrics import (
    DURATION_BUCKETS,
    FleetMetrics,
    InstanceMetrics,
    PhaseTimes,
    RecordCount,
    SessionCount,
)
from sync_pipeline.model.session import (
    RecordStatus,
    Session,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.store.daemon.lease import read_lease
from sync_pipeline.store.daemon.lease_file import FileLease
from sync_pipeline.store.database import Database
from sync_pipeline.store.events.outbox_reads import route_states, waiting_events
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import instances
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_sessions as sessions
from sync_pipeline.store.sessions.rows import session_of
from sync_pipeline.store.sizes.schema import instance_size_stats
from sync_pipeline.store.watch.freshness import last_success, read_checks, read_states

WHOLE_FLEET = (str(SyncType.SCHEDULED_TASK), str(SyncType.MANUAL_TASK))
"""Sessions of a few instances say nothing of the fleet: they count where there is no other."""


class MetricsStore:
    """Counts and sums over sessions, records, changes and sizes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, recent: date, now: datetime) -> FleetMetrics:
        """Return everything in one consistent view.

        Sizes of before `recent`, a date where the fleet is, are not shown. Of routes all that ever
        were are told.
        """
        with self._database.read() as connection:
            newest = _newest(connection, ended=False)
            ended = _newest(connection, ended=True)
            states = read_states(connection)
            routes = route_states(connection, now)
            return FleetMetrics(
                gathered_at=now,
                sessions=_session_counts(connection),
                newest=newest,
                ended=ended,
                records=_record_counts(connection, _ids(newest)),
                phases=_phases(connection, _ids(ended)),
                changes=_change_counts(connection, _ids(ended)),
                instances=_instances(connection, recent, states),
                checks=read_checks(connection),
                undelivered={name: item.waiting for name, item in routes.items()},
                alert_failures={name: item.failures for name, item in routes.items()},
                waiting_events=waiting_events(connection),
                daemon=self._daemon(connection),
            )

    def _daemon(self, connection: Connection) -> DaemonLease:
        if self._database.is_sqlite:
            return FileLease(self._database).read()
        return read_lease(connection)


def _ids(found: Sequence[Session]) -> list[str]:
    return [session.session_id for session in found]


def _session_counts(connection: Connection) -> tuple[SessionCount, ...]:
    columns = (sessions.c.sync_category, sessions.c.status)
    query = select(*columns, func.count().label("sessions")).group_by(*columns)
    return tuple(
        SessionCount(SyncCategory(row.sync_category), SessionStatus(row.status), row.sessions)
        for row in connection.execute(query)
    )


def _newest(connection: Connection, *, ended: bool) -> tuple[Session, ...]:
    """Return each category's session that began last, of all or of those that ended."""
    found = (
        _newest_of(connection, category, ended=ended) for category in map(SyncCategory, CATEGORIES)
    )
    return tuple(session_of(row) for row in found if row is not None)


def _newest_of(connection: Connection, category: SyncCategory, *, ended: bool) -> Row[Any] | None:
    query = select(sessions).where(sessions.c.sync_category == str(category))
    if ended:
        # By the time of its end, so that the index of what is asked for is used, not of statuses.
        query = query.where(sessions.c.completed_at.is_not(None))
    query = query.order_by(sessions.c.started_at.desc(), sessions.c.session_id).limit(1)
    of_fleet = query.where(sessions.c.sync_type.in_(WHOLE_FLEET))
    return connection.execute(of_fleet).first() or connection.execute(query).first()


def _record_counts(connection: Connection, ids: Sequence[str]) -> tuple[RecordCount, ...]:
    columns = (records.c.sync_category, records.c.status, records.c.error_kind)
    query = (
        select(*columns, func.count().label("records"))
        .where(records.c.session_id.in_(ids))
        .group_by(*columns)
    )
    return tuple(
        RecordCount(
            SyncCategory(row.sync_category), RecordStatus(row.status), row.error_kind, row.records
        )
        for row in connection.execute(query)
    )


def _phases(connection: Connection, ids: Sequence[str]) -> tuple[PhaseTimes, ...]:
    timing = _timings(connection)
    seconds = cast(timing.c.value, Float)
    columns = (records.c.sync_category, timing.c.key)
    query = (
        select(
            *columns,
            func.count().label("records"),
            func.sum(seconds).label("seconds"),
            *(func.sum(case((seconds <= bound, 1), else_=0)) for bound in DURATION_BUCKETS),
        )
        .select_from(records)
        .join(timing, true())
        .where(records.c.session_id.in_(ids))
        .group_by(*columns)
        .order_by(*columns)
    )
    return tuple(
        PhaseTimes(SyncCategory(category), key.removesuffix("_seconds"), tuple(below), count, total)
        for category, key, count, total, *below in connection.execute(query)
    )


def _timings(connection: Connection) -> TableValuedAlias:
    """Return the timings of a record's details as rows: the phase, and its seconds."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(records.c.sync_details, "$.timings")
    else:
        each = func.jsonb_each_text(records.c.sync_details["timings"])
    return each.table_valued("key", "value")


def _change_counts(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    query = (
        select(log.c.change_type, func.count().label("changes"))
        .where(log.c.session_id.in_(ids))
        .group_by(log.c.change_type)
    )
    return {row.change_type: row.changes for row in connection.execute(query)}


def _instances(
    connection: Connection, recent: date, states: Mapping[WatchKey, WatchState]
) -> tuple[InstanceMetrics, ...]:
    synced = [SyncCategory(name) for name in reading_categories()]
    query = select(
        instances.c.id,
        instances.c.name,
        instances.c.engine,
        instances.c.environment,
        instances.c.created_at,
        _last_size(recent).label("total_bytes"),
        *(last_success(category).label(str(category)) for category in synced),
    ).where(instances.c.is_active.is_(True), instances.c.deleted_at.is_(None))
    return tuple(
        InstanceMetrics(
            row.name,
            row.engine,
            row.environment or "",
            row.created_at,
            {category: getattr(row, str(category)) for category in synced},
            frozenset(item for item in synced if _is_stale(states, row.id, item)),
            row.total_bytes,
        )
        for row in connection.execute(query.order_by(instances.c.name))
    )


def _is_stale(
    states: Mapping[WatchKey, WatchState], instance_id: int, category: SyncCategory
) -> bool:
    state = states.get((instance_id, category))
    return state is not None and state.is_stale


def _last_size(recent: date) -> ScalarSelect[int]:
    """Return the last size of an instance of the enclosing query: a seek in its days."""
    table = instance_size_stats
    return (
        select(table.c.total_bytes)
        .where(table.c.instance_id == instances.c.id, table.c.collected_date >= recent)
        .order_by(table.c.collected_date.desc())
        .limit(1)
        .correlate(instances)
        .scalar_subquery()
    )
