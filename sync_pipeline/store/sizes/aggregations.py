"""Aggregations: written set-based, one transaction an instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Insert,
    Row,
    Table,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.aggregation import (
    Aggregation,
    AggregationRequest,
    AggregationRows,
    Statistics,
    Trend,
)
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import instances as registered
from sync_pipeline.store.sessions.state import ended_record
from sync_pipeline.store.sizes.aggregation_sql import (
    database_aggregations,
    instance_aggregations,
    parameters_of,
)
from sync_pipeline.store.sizes.schema import (
    database_size_aggregations,
    instance_databases,
    instance_size_aggregations,
    instance_size_stats,
    size_horizon,
)
from sync_pipeline.store.topics import Topic, note


class AggregationStore:
    """The tables of aggregations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def measured(self, first_day: date, end: date) -> set[int]:
        """Return the instances that were measured on a day of `[first_day, end)`."""
        day = instance_size_stats.c.collected_date
        query = select(instance_size_stats.c.instance_id).distinct()
        with self._database.read() as connection:
            return set(connection.scalars(query.where(day >= first_day, day < end)))

    def oldest_size(self) -> date | None:
        """Return the oldest day on which any instance was measured, removed ones too."""
        table = instance_size_stats
        # One place of the index an instance, and not each of the days of the fleet.
        of_one = select(func.min(table.c.collected_date)).where(
            table.c.instance_id == registered.c.id
        )
        query = select(of_one.scalar_subquery().label("day")).subquery()
        with self._database.read_once() as connection:
            oldest: date | None = connection.scalar(select(func.min(query.c.day)))
            return oldest

    def newest(self, instance_id: int) -> dict[PeriodType, Period]:
        """Return the newest aggregated period of each kind of an instance."""
        table = instance_size_aggregations
        query = (
            select(table.c.period_type, func.max(table.c.period_start))
            .where(table.c.instance_id == instance_id)
            .group_by(table.c.period_type)
        )
        with self._database.read() as connection:
            return {
                PeriodType(kind): Period(PeriodType(kind), start)
                for kind, start in connection.execute(query)
            }

    def compute(self, requests: Sequence[AggregationRequest]) -> AggregationRows:
        """Compute periods again, in one transaction.

        Rows of these periods that no size stands behind any more are removed.

        Raises:
            ConfigurationError: sizes that are needed were pruned; nothing is written.
        """
        with self._database.write() as connection:
            return _write(connection, requests)

    def apply(
        self,
        requests: Sequence[AggregationRequest],
        claim: RecordClaim,
        outcome_of: Callable[[AggregationRows], RecordOutcome],
        now: datetime,
    ) -> AggregationRows:
        """Compute periods of one instance again, with its record, in one transaction.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            ConfigurationError: sizes that are needed were pruned; nothing is written.
            StoreUnavailable: nothing is written.
        """
        with self._database.write() as connection:
            rows = _write(connection, requests)
            with ended_record(connection, claim, outcome_of(rows), now):
                return rows

    def find(
        self,
        kind: PeriodType,
        first_day: date,
        end: date,
        instance: str | None = None,
        database: str | None = "",
        instances: Sequence[int] | None = None,
    ) -> list[Aggregation]:
        """Return aggregations of periods that begin in `[first_day, end)`, oldest first.

        `database` is a name, empty for the instances themselves, None for every database.
        `instances` are the ids of instances; None: all.
        """
        is_instance = database == ""
        table = instance_size_aggregations if is_instance else database_size_aggregations
        query = select(table, registered.c.name.label("instance_name")).join_from(table, registered)
        if not is_instance:
            query = query.add_columns(instance_databases.c.database_name).join(
                instance_databases, instance_databases.c.id == table.c.database_id
            )
            if database is not None:
                query = query.where(instance_databases.c.database_name == database)
        query = query.where(
            table.c.period_type == str(kind),
            table.c.period_start >= first_day,
            table.c.period_start < end,
        )
        if instance is not None:
            query = query.where(registered.c.name == instance)
        order = [table.c.period_start, registered.c.name]
        if not is_instance:
            order.append(instance_databases.c.database_name)
        with self._database.read() as connection:
            if instances is not None:
                query = query.where(_of_instances(connection, table.c.instance_id, instances))
            return [
                aggregation_of(row, row.instance_name, "" if is_instance else row.database_name)
                for row in connection.execute(query.order_by(*order))
            ]

    def horizon(self) -> date:
        """Return the date before which daily sizes were pruned; the first of all if none were."""
        with self._database.read() as connection:
            return horizon_of(connection)


def horizon_of(connection: Connection) -> date:
    """Return the date before which daily sizes were pruned."""
    found: date = connection.scalars(select(size_horizon.c.pruned_before)).one()
    return found


def _of_instances(
    connection: Connection, column: ColumnClause[int], ids: Sequence[int]
) -> ColumnElement[bool]:
    """Return that a column holds one of some ids.

    Of one it is said plainly, and the key of the table is taken. Of several SQLite would rather
    read what the whole fleet has of the periods.
    """
    if len(ids) == 1:
        return column == ids[0]
    return among(connection, column, ids)


def _write(connection: Connection, requests: Sequence[AggregationRequest]) -> AggregationRows:
    rows = sum((_write_range(connection, item) for item in requests), AggregationRows())
    note(connection, Topic.PERIODS, {number for item in requests for number in item.instance_ids})
    return rows


def _write_range(connection: Connection, request: AggregationRequest) -> AggregationRows:
    _take_turns(connection, request.instance_ids)
    require_sizes(connection, request.periods)
    replaced = 0
    for table in (database_size_aggregations, instance_size_aggregations):
        replaced += connection.execute(
            delete(table).where(
                table.c.instance_id.in_(request.instance_ids),
                table.c.period_type == str(request.periods.type),
                table.c.period_start >= request.periods.start,
                table.c.period_start < request.periods.end,
                _is_computed(table),
            )
        ).rowcount
    dialect = connection.dialect.name
    parameters = parameters_of(request)
    databases = _execute(connection, database_aggregations(request, dialect), parameters)
    written = _execute(connection, instance_aggregations(request, dialect), parameters)
    return AggregationRows(databases, written, replaced)


def _is_computed(table: Table) -> ColumnElement[bool]:
    """Return that a row was computed here, or can be: another one is of days that never were here.

    Such rows are of another system, which was imported.
    """
    days = instance_size_stats
    has_days = exists().where(
        days.c.instance_id == table.c.instance_id,
        days.c.collected_date >= table.c.period_start,
        days.c.collected_date < table.c.period_end,
    )
    return or_(table.c.origin.is_(None), has_days)


def _execute(connection: Connection, statement: Insert, parameters: dict[str, Any]) -> int:
    """Return how many rows a statement wrote."""
    options = {"preserve_rowcount": True}
    count = connection.execute(statement, parameters, execution_options=options).rowcount
    if connection.dialect.name == "sqlite":
        # Python's sqlite3 does not count for a statement that begins with WITH.
        count = connection.exec_driver_sql("SELECT changes()").scalar_one()
    return count


def require_sizes(connection: Connection, periods: PeriodRange) -> None:
    """Make sure that the sizes behind a range are there, and stay until the transaction ends.

    Raises:
        ConfigurationError: some were pruned.
    """
    query = select(size_horizon.c.pruned_before).with_for_update(read=True)
    pruned_before = connection.scalars(query).one()
    if periods.needs_from < pruned_before:
        raise ConfigurationError(
            f"{periods} can't be computed: it needs sizes from {periods.needs_from} on, and "
            f"those before {pruned_before} were pruned.",
            phase=Phase.STORE,
            hint="What was aggregated before they were pruned is kept. Choose later periods.",
        )


def move_horizon(connection: Connection, pruned_before: date) -> None:
    """Record that sizes before a date are gone; aggregations that need them wait for this."""
    connection.execute(update(size_horizon).values(pruned_before=pruned_before))


def _take_turns(connection: Connection, instance_ids: Sequence[int]) -> None:
    """Let two runs that aggregate one instance take turns: both replace the same rows."""
    connection.execute(
        select(registered.c.id)
        .where(registered.c.id.in_(instance_ids))
        .order_by(registered.c.id)
        .with_for_update(key_share=True)
    )


def aggregation_of(row: Row[Any], instance: str, database: str) -> Aggregation:
    """Return a row of either table as what it means; the names are those of its ids."""
    known = row._mapping  # noqa: SLF001 - the documented way to a row's names
    return Aggregation(
        instance=instance,
        database=database,
        period_type=PeriodType(row.period_type),
        period_start=row.period_start,
        period_end=row.period_end,
        data_count=row.data_count,
        expected_count=row.expected_count,
        trend=Trend(row.trend) if row.trend else None,
        total=_statistics(row, "total"),
        data=_statistics(row, "data"),
        log=_statistics(row, "log"),
        calculated_at=row.calculated_at,
        database_count=known.get("database_count"),
        database_count_change=known.get("database_count_change"),
    )


def _statistics(row: Row[Any], value: str) -> Statistics:
    known = row._mapping  # noqa: SLF001
    return Statistics(
        avg_bytes=known[f"{value}_avg_bytes"],
        min_bytes=known[f"{value}_min_bytes"],
        max_bytes=known[f"{value}_max_bytes"],
        first_bytes=known[f"{value}_first_bytes"],
        last_bytes=known[f"{value}_last_bytes"],
        change_bytes=known[f"{value}_change_bytes"],
        change_percent=known[f"{value}_change_percent"],
        growth_rate=known[f"{value}_growth_rate"],
    )
