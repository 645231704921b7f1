"""What people and reports ask of the daily sizes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Subquery, Table, and_, func, select

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.imported import LABEL
from sync_pipeline.model.size import (
    DatabaseView,
    InstanceSize,
    MeasureName,
    SizeLimit,
    SizePoint,
    TablespaceView,
    TableView,
    TopDatabase,
    TopQuestion,
)
from sync_pipeline.store.database import Database, among, upsert
from sync_pipeline.store.schema import instances as registered
from sync_pipeline.store.sizes.limits import write_until
from sync_pipeline.store.sizes.schema import (
    database_size_stats,
    instance_databases,
    instance_size_stats,
    size_limits,
    table_size_stats,
    tablespace_size_stats,
)
from sync_pipeline.store.topics import Topic, note


class SizeQueries:
    """Reads of the tables of sizes. Dates are in the fleet's time zone.

    `instance` is a name; `instances` are ids, of which None means all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def databases(self, instance: str | None = None) -> list[DatabaseView]:
        """Return the inventory of databases, vanished ones too, by instance and name."""
        table = instance_databases
        query = select(table, registered.c.name, registered.c.engine).join_from(table, registered)
        if instance is not None:
            query = query.where(registered.c.name == instance)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(registered.c.name, table.c.database_name))
            return [
                DatabaseView(
                    row.name,
                    row.engine,
                    row.database_name,
                    row.is_active,
                    row.first_seen_at,
                    row.last_seen_at,
                    row.deleted_at,
                )
                for row in rows
            ]

    def database_points(
        self,
        since: date,
        until: date,
        instance: str | None = None,
        database: str | None = None,
        instances: Sequence[int] | None = None,
    ) -> list[SizePoint]:
        """Return databases' sizes of `[since, until]`, by instance, database and date."""
        table = database_size_stats
        query = (
            select(table, registered.c.name, instance_databases.c.database_name)
            .join_from(table, registered, registered.c.id == table.c.instance_id)
            .join(instance_databases, instance_databases.c.id == table.c.database_id)
            .where(table.c.collected_date.between(since, until))
        )
        if database is not None:
            query = query.where(instance_databases.c.database_name == database)
        ordered = query.order_by(
            registered.c.name, instance_databases.c.database_name, table.c.collected_date
        )
        with self._database.read() as connection:
            query = of_instances(connection, ordered, instance, instances)
            return [_point(row, row.database_name) for row in connection.execute(query)]

    def instance_sizes(
        self,
        since: date,
        until: date,
        instance: str | None = None,
        instances: Sequence[int] | None = None,
    ) -> list[InstanceSize]:
        """Return instances' sizes of `[since, until]`, by instance and date."""
        table = instance_size_stats
        query = instance_days().where(table.c.collected_date.between(since, until))
        ordered = query.order_by(registered.c.name, table.c.collected_date)
        with self._database.read() as connection:
            query = of_instances(connection, ordered, instance, instances)
            return [instance_size(row) for row in connection.execute(query)]

    def top(self, ask: TopQuestion) -> list[TopDatabase]:
        """Return the largest databases, or those that grew most, each on its newest date.

        An instance counts with its last date since `ask.recent`; growth is against its
        first date since `ask.past`.
        """
        dates = _dates(ask)
        now, before = database_size_stats.alias("now"), database_size_stats.alias("before")
        grown = now.c.total_bytes - before.c.total_bytes
        query = (
            select(
                registered.c.name,
                instance_databases.c.database_name,
                now.c.collected_date,
                now.c.total_bytes,
                grown.label("grown_bytes"),
                before.c.collected_date.label("since"),
            )
            .select_from(dates)
            .join(registered, registered.c.id == dates.c.instance_id)
            .join(
                now,
                and_(
                    now.c.instance_id == dates.c.instance_id,
                    now.c.collected_date == dates.c.newest,
                    *self._pruned(now.c.collected_date >= ask.recent),
                ),
            )
            .join(instance_databases, instance_databases.c.id == now.c.database_id)
            .outerjoin(
                before,
                and_(
                    before.c.instance_id == now.c.instance_id,
                    before.c.collected_date == dates.c.oldest,
                    dates.c.oldest < dates.c.newest,
                    *self._pruned(before.c.collected_date >= ask.past),
                    before.c.database_id == now.c.database_id,
                ),
            )
        )
        key = grown if ask.by_growth else now.c.total_bytes
        if ask.by_growth:
            query = query.where(grown > 0)
        ordered = query.order_by(
            key.desc().nulls_last(), registered.c.name, instance_databases.c.database_name
        )
        with self._database.read() as connection:
            query = of_instances(connection, ordered.limit(ask.limit), ask.instance, ask.instances)
            return [
                TopDatabase(
                    row.name,
                    row.database_name,
                    row.collected_date,
                    row.total_bytes,
                    row.grown_bytes,
                    row.since,
                )
                for row in connection.execute(query)
            ]

    def _pruned(self, condition: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
        """Say once more which days are meant, where it spares partitions.

        SQLite has none, and would read those days instead of the one that it could seek.
        """
        return () if self._database.is_sqlite else (condition,)

    def tablespace_points(self, since: date, until: date, instance: str) -> list[SizePoint]:
        """Return the sizes of an instance's tablespaces of `[since, until]`, by name and date."""
        table = tablespace_size_stats
        query = (
            select(table)
            .join(registered, registered.c.id == table.c.instance_id)
            .where(registered.c.name == instance, table.c.collected_date.between(since, until))
            .order_by(table.c.tablespace_name, table.c.collected_date)
        )
        with self._database.read() as connection:
            return [
                SizePoint(
                    instance=instance,
                    database="",
                    collected_date=row.collected_date,
                    total_bytes=row.total_bytes,
                    maximum_bytes=row.maximum_bytes,
                    tablespace=row.tablespace_name,
                )
                for row in connection.execute(query)
            ]

    def tablespaces(self, instance: str) -> list[TablespaceView]:
        """Return an instance's tablespaces on the last date it was measured, largest first."""
        table = tablespace_size_stats
        query = _newest(table, instance).order_by(table.c.total_bytes.desc())
        with self._database.read() as connection:
            return [
                TablespaceView(row.tablespace_name, row.total_bytes, row.maximum_bytes)
                for row in connection.execute(query)
            ]

    def largest_tables(self, instance: str, limit: int) -> list[TableView]:
        """Return an instance's largest tables on the last date it was measured."""
        table = table_size_stats
        query = (
            _newest(table, instance)
            .add_columns(instance_databases.c.database_name)
            .join(instance_databases, instance_databases.c.id == table.c.database_id)
            .order_by(table.c.total_bytes.desc(), table.c.table_name)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                TableView(
                    row.database_name,
                    row.schema_name,
                    row.table_name,
                    row.total_bytes,
                    row.data_bytes,
                    row.index_bytes,
                )
                for row in connection.execute(query)
            ]

    def lowest(
        self,
        instance_id: int,
        since: date,
        until: date,
        wanted: Collection[tuple[str, str]],
    ) -> dict[tuple[str, str], int]:
        """Return the smallest known sizes of `[since, until]`, by database and tablespace.

        Both are empty for the instance. `wanted` says what is asked for: only such tables are read.
        """
        days, spaces, totals = database_size_stats, tablespace_size_stats, instance_size_stats
        found: dict[tuple[str, str], int | None] = {}
        with self._database.read() as connection:
            if any(database for database, _ in wanted):
                names = instance_databases
                query = (
                    select(names.c.database_name, _lowest(days))
                    .join_from(days, names, names.c.id == days.c.database_id)
                    .where(*_of_window(days, instance_id, since, until))
                    .group_by(names.c.database_name)
                )
                found.update(((name, ""), low) for name, low in connection.execute(query))
            if any(space for _, space in wanted):
                query = (
                    select(spaces.c.tablespace_name, _lowest(spaces))
                    .where(*_of_window(spaces, instance_id, since, until))
                    .group_by(spaces.c.tablespace_name)
                )
                found.update((("", name), low) for name, low in connection.execute(query))
            if ("", "") in wanted:
                own = select(_lowest(totals)).where(*_of_window(totals, instance_id, since, until))
                found["", ""] = connection.scalar(own)
        return {key: low for key, low in found.items() if low is not None}

    def limits(self, instances: Sequence[int] | None = None) -> list[SizeLimit]:
        """Return every configured limit, by instance and database."""
        table = size_limits
        query = select(table, registered.c.name).join_from(table, registered)
        ordered = query.order_by(registered.c.name, table.c.database_name)
        with self._database.read() as connection:
            rows = connection.execute(of_instances(connection, ordered, None, instances))
            return [SizeLimit(row.name, row.database_name, row.limit_bytes) for row in rows]

    def put_limit(self, limit: SizeLimit) -> None:
        """Set the limit of an instance, or of one of its databases; 0 bytes takes it away.

        Raises:
            ConfigurationError: there is no such instance.
        """
        with self._database.write() as connection:
            instance_id = connection.scalar(
                select(registered.c.id)
                .where(registered.c.name == limit.instance, registered.c.deleted_at.is_(None))
                # As who aggregates its sizes.
                .with_for_update(key_share=True)
            )
            if instance_id is None:
                raise ConfigurationError(
                    f"The instance {limit.instance!r} does not exist.",
                    hint="See: sync-pipeline instances list.",
                )
            key = and_(
                size_limits.c.instance_id == instance_id,
                size_limits.c.database_name == limit.database,
            )
            if limit.limit_bytes == 0:
                connection.execute(size_limits.delete().where(key))
                write_until(connection, instance_id, limit.database, None)
                note(connection, Topic.PERIODS, [instance_id])
                return
            row = {
                "instance_id": instance_id,
                "database_name": limit.database,
                "limit_bytes": limit.limit_bytes,
            }
            keys = ["instance_id", "database_name"]
            upsert(connection, size_limits, [row], keys, ["limit_bytes"])
            write_until(connection, instance_id, limit.database, limit.limit_bytes)
            note(connection, Topic.PERIODS, [instance_id])


def _lowest(table: Table) -> ColumnElement[int]:
    return func.min(table.c.total_bytes)


def _of_window(
    table: Table, instance_id: int, since: date, until: date
) -> tuple[ColumnElement[bool], ...]:
    return table.c.instance_id == instance_id, table.c.collected_date.between(since, until)


def _dates(ask: TopQuestion) -> Subquery:
    """Return the dates of each instance that its databases are compared on.

    In one table: in two, SQLite would join every day between them.
    """
    day = instance_size_stats
    newest, oldest = (
        chosen(day.c.collected_date).filter(day.c.collected_date >= since)
        for chosen, since in ((func.max, ask.recent), (func.min, ask.past))
    )
    return (
        select(day.c.instance_id, newest.label("newest"), oldest.label("oldest"))
        .where(day.c.collected_date >= min(ask.recent, ask.past))
        .group_by(day.c.instance_id)
        .subquery("dates")
    )


def of_instances(
    connection: Connection,
    query: Select[Any],
    instance: str | None,
    ids: Sequence[int] | None,
) -> Select[Any]:
    """Ask of one instance, of some, or of all."""
    if instance is not None:
        query = query.where(registered.c.name == instance)
    return query if ids is None else query.where(among(connection, registered.c.id, ids))


def instance_days() -> Select[Any]:
    """Select the days of instances, with their names."""
    table = instance_size_stats
    return select(table, registered.c.name, registered.c.engine).join_from(
        registered, table, registered.c.id == table.c.instance_id
    )


def instance_size(row: Row[Any]) -> InstanceSize:
    """Return a row of `instance_days` as what it means."""
    return InstanceSize(
        point=_point(row, ""),
        engine=row.engine,
        shared_bytes=row.shared_bytes,
        known_bytes=row.known_bytes,
        database_count=row.database_count,
        unread_count=row.unread_count,
        collected_at=row.collected_at,
    )


def _newest(table: Any, instance: str) -> Select[Any]:
    """Select an instance's rows of the last date on which it was measured."""
    day = instance_size_stats
    newest = (
        select(func.max(day.c.collected_date))
        .join(registered, registered.c.id == day.c.instance_id)
        .where(registered.c.name == instance)
        .scalar_subquery()
    )
    return (
        select(table)
        .join_from(table, registered, registered.c.id == table.c.instance_id)
        .where(registered.c.name == instance, table.c.collected_date == newest)
    )


def _point(row: Row[Any], database: str) -> SizePoint:
    return SizePoint(
        instance=row.name,
        database=database,
        collected_date=row.collected_date,
        **{name.column: getattr(row, name.column) for name in MeasureName},
        unknown=row.unknown or {},
        maximum_bytes=row._mapping.get("maximum_bytes"),  # noqa: SLF001 - the documented way
        is_imported=(row.session_id or "").startswith(LABEL),
    )
