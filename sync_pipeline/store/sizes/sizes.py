"""Databases and their daily sizes. Writing a date again replaces that date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, not_, select, update

from sync_pipeline.model.event import Event
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.model.size import (
    KnownDatabase,
    Measure,
    MeasuredDay,
    MeasureName,
)
from sync_pipeline.store.database import Database, among, among_named, insert_rows
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.registry import note_connection
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.sizes.partitions import make_partitions
from sync_pipeline.store.sizes.schema import (
    DAILY_TABLES,
    database_size_stats,
    instance_databases,
    instance_size_stats,
    is_imported,
    table_size_stats,
    tablespace_size_stats,
)
from sync_pipeline.store.topics import Topic, note

SHARED = "shared"


class SizeStore:
    """The tables of databases and of daily sizes."""

    def __init__(self, database: Database, ends: RecordEnds) -> None:
        self._database = database
        self._ends = ends

    def known(self, instance_id: int) -> list[KnownDatabase]:
        """Return every database ever seen on an instance."""
        table = instance_databases
        query = select(table).where(table.c.instance_id == instance_id)
        with self._database.read() as connection:
            return [
                KnownDatabase(row.database_name, row.is_active) for row in connection.execute(query)
            ]

    def measured_at(self, instance_id: int) -> datetime | None:
        """Return when (UTC) an instance was last measured here; None: it never was.

        Days that were imported were measured by another system.
        """
        table = instance_size_stats
        query = (
            select(table.c.collected_at)
            .where(
                table.c.instance_id == instance_id,
                not_(is_imported(table)),
            )
            .order_by(table.c.collected_date.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def apply(
        self,
        day: MeasuredDay,
        claim: RecordClaim,
        outcome: RecordOutcome,
        now: datetime,
        events: Sequence[Event] = (),
    ) -> None:
        """Write one instance's day, with its record and events, in one transaction.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreUnavailable: nothing is written.
        """
        self.prepare([day.collected_date])
        with self._ends.writing(claim, outcome, now) as connection:
            _write(connection, [day])
            write_events(connection, events)
            note_connection(connection, day.instance_id, day.snapshot.server.version, now)

    def put(self, days: Sequence[MeasuredDay]) -> None:
        """Write days of several instances in one transaction: imported or generated history."""
        self.prepare({day.collected_date for day in days})
        with self._database.write() as connection:
            _write(connection, days)

    def prepare(self, dates: Iterable[date]) -> tuple[str, ...]:
        """Make what is needed to store these dates; return the partitions that were made."""
        if self._database.is_sqlite:
            return ()
        with self._database.write() as connection:
            return make_partitions(connection, dates)


def _write(connection: Connection, days: Sequence[MeasuredDay]) -> None:
    _add_databases(connection, days)
    ids = _database_ids(connection, days)
    _mark_databases(connection, days, ids)
    _replace(connection, days)
    database_rows: list[dict[str, Any]] = []
    table_rows: list[dict[str, Any]] = []
    for day in days:
        key = {"instance_id": day.instance_id, "collected_date": day.collected_date}
        provenance = {"collected_at": day.snapshot.observed_at, "session_id": day.session_id}
        for item in day.snapshot.databases:
            subject = {**key, "database_id": ids[day.instance_id, item.name]}
            values = {**_values(item.measures()), "maximum_bytes": item.maximum_bytes}
            database_rows.append({**subject, **values, **provenance})
            table_rows += [
                {
                    **subject,
                    "schema_name": table.schema,
                    "table_name": table.name,
                    "total_bytes": table.total_bytes,
                    "data_bytes": table.data_bytes,
                    "index_bytes": table.index_bytes,
                }
                for table in item.tables
            ]
    insert_rows(connection, database_size_stats, database_rows)
    insert_rows(connection, table_size_stats, table_rows)
    insert_rows(connection, instance_size_stats, [_instance_row(day) for day in days])
    tablespaces = [row for day in days for row in _tablespace_rows(day)]
    insert_rows(connection, tablespace_size_stats, tablespaces)
    note(connection, Topic.SIZES, {day.instance_id for day in days})


def _add_databases(connection: Connection, days: Sequence[MeasuredDay]) -> None:
    rows = [
        {
            "instance_id": day.instance_id,
            "database_name": name,
            "is_active": True,
            "first_seen_at": day.snapshot.observed_at,
            "last_seen_at": day.snapshot.observed_at,
        }
        for day in days
        for name in day.inventory.created
    ]
    insert_rows(connection, instance_databases, rows)


def _mark_databases(
    connection: Connection, days: Sequence[MeasuredDay], ids: Mapping[tuple[int, str], int]
) -> None:
    """Say of each database when it was seen, or that it is gone, by the time of measuring."""
    present: dict[datetime, list[int]] = {}
    gone: dict[datetime, list[int]] = {}
    for day in days:
        created, seen_at = set(day.inventory.created), day.snapshot.observed_at
        still = [name for name in day.inventory.seen if name not in created]
        present.setdefault(seen_at, []).extend(ids[day.instance_id, name] for name in still)
        lost = [ids[day.instance_id, name] for name in day.inventory.vanished]
        gone.setdefault(seen_at, []).extend(lost)
    table = instance_databases
    at = bindparam("at", type_=table.c.last_seen_at.type)
    # History may be written after later days: what was seen later stays as it is.
    is_older = table.c.last_seen_at > at
    values = {
        "first_seen_at": case((table.c.first_seen_at > at, at), else_=table.c.first_seen_at),
        "last_seen_at": case((is_older, table.c.last_seen_at), else_=at),
        "is_active": case((is_older, table.c.is_active), else_=True),
        "deleted_at": case((is_older, table.c.deleted_at), else_=None),
    }
    _update(connection, present, values)
    values = {
        "is_active": case((is_older, table.c.is_active), else_=False),
        "deleted_at": case((is_older, table.c.deleted_at), else_=at),
    }
    _update(connection, gone, values)


def _update(
    connection: Connection, wanted: Mapping[datetime, Sequence[int]], values: Mapping[str, Any]
) -> None:
    """Change databases, by the moment: one statement, which is built and compiled once."""
    rows = [{"some": some, "at": at} for at, some in wanted.items() if some]
    if rows:
        chosen = among_named(connection.dialect.name, instance_databases.c.id, "some")
        connection.execute(update(instance_databases).where(chosen).values(values), rows)


def _database_ids(
    connection: Connection, days: Sequence[MeasuredDay]
) -> dict[tuple[int, str], int]:
    table = instance_databases
    wanted = sorted({day.instance_id for day in days})
    query = select(table.c.instance_id, table.c.database_name, table.c.id).where(
        among(connection, table.c.instance_id, wanted)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _replace(connection: Connection, days: Sequence[MeasuredDay]) -> None:
    """Take away what these dates held before."""
    by_date: dict[date, list[int]] = {}
    for day in days:
        by_date.setdefault(day.collected_date, []).append(day.instance_id)
    rows = [{"day": day, "some": instance_ids} for day, instance_ids in by_date.items()]
    for table in DAILY_TABLES if rows else ():
        is_of_day = table.c.collected_date == bindparam("day", type_=table.c.collected_date.type)
        chosen = among_named(connection.dialect.name, table.c.instance_id, "some")
        connection.execute(delete(table).where(is_of_day, chosen), rows)


def _values(measures: Mapping[MeasureName, Measure]) -> dict[str, Any]:
    unknown = {
        str(name): f"{measure.state}: {measure.reason}"
        for name, measure in measures.items()
        if measure.bytes is None and measure.is_missing
    }
    numbers = {name.column: measure.bytes for name, measure in measures.items()}
    return {**numbers, "unknown": unknown or None}


def _instance_row(day: MeasuredDay) -> dict[str, Any]:
    snapshot = day.snapshot
    values = _values(snapshot.measures())
    if snapshot.shared.is_missing:
        reason = f"{snapshot.shared.state}: {snapshot.shared.reason}"
        values["unknown"] = {**(values["unknown"] or {}), SHARED: reason}
    return {
        "instance_id": day.instance_id,
        "collected_date": day.collected_date,
        **values,
        "shared_bytes": snapshot.shared.bytes,
        "known_bytes": snapshot.known_bytes,
        "database_count": len(snapshot.databases),
        "unread_count": len(snapshot.unread),
        "collected_at": snapshot.observed_at,
        "session_id": day.session_id,
    }


def _tablespace_rows(day: MeasuredDay) -> list[dict[str, Any]]:
    return [
        {
            "instance_id": day.instance_id,
            "collected_date": day.collected_date,
            "tablespace_name": item.name,
            "total_bytes": item.total.bytes,
            "maximum_bytes": item.maximum_bytes,
        }
        for item in day.snapshot.tablespaces
    ]
