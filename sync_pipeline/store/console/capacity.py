"""What is large and what grew, over the whole fleet: pages in the order of an index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Row,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    null,
    select,
)

from sync_pipeline.model.page import InstanceQuestion, Key, Page, Place, checked_key, no_key
from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.model.size import TableView
from sync_pipeline.model.standing import (
    FleetPeriod,
    Standing,
    StandingOrder,
    StandingQuestion,
    Subjects,
    TableDay,
)
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import FEW, after, chosen, in_reach
from sync_pipeline.store.database import among
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import instances
from sync_pipeline.store.sizes.aggregations import aggregation_of
from sync_pipeline.store.sizes.schema import (
    LONGER_THAN_A_DAY,
    database_size_aggregations,
    instance_databases,
    instance_size_aggregations,
    size_limits,
    table_size_stats,
)

Column = ColumnElement[Any]
_IS_THERE = instances.c.deleted_at.is_(None)
HALF = 2**32
"""Sums are of both halves: servers that lie of their size would else be more than SQLite adds."""
_VALUES = {
    StandingOrder.SIZE: "total_last_bytes",
    StandingOrder.GROWTH: "total_change_bytes",
    StandingOrder.PERCENT: "total_change_percent",
}


class CapacityPages(OfDatabase):
    """Aggregations of instances that were not removed, within a reach."""

    @remembered
    def count(self, reach: Reach, asked: InstanceQuestion, most: int) -> int:
        """Return how many instances a question means, at most so many."""
        with self._database.read_once() as connection:
            where = [_IS_THERE, *in_reach(connection, reach), *chosen(connection, asked)]
            some = select(instances.c.id).where(*where).limit(most).subquery()
            return connection.scalar(select(func.count()).select_from(some)) or 0

    @remembered
    def page(self, reach: Reach, asked: StandingQuestion, place: Place) -> Page[Standing]:
        """Return a page of subjects in order, those without the value last: seven statements.

        Equal ones are in the order in which they were first seen, or backwards.

        Raises:
            ConfigurationError: the key of the place is that of another list.
        """
        key = checked_key(place.after, str, str, str)
        with self._database.read() as connection:
            level = _Level(connection, reach, asked, _few(connection, reach, asked.instances))
            begin = level.ids_of(key) if key else None
            rows = level.rows(key, begin, place.limit + 1)
            shown = level.standings(rows[: place.limit])
        following = None
        if len(rows) > place.limit:
            last, value = shown[-1], rows[place.limit - 1].value
            following = (_text(value), last.instance, last.database)
        return Page(tuple(shown), following)

    @remembered
    def fleet(
        self, reach: Reach, asked: InstanceQuestion, first: Period, last: Period
    ) -> list[FleetPeriod]:
        """Return the periods of a range that have a size of any instance, oldest first."""
        table = instance_size_aggregations
        total = table.c.total_last_bytes
        with self._database.read() as connection:
            query = (
                select(
                    table.c.period_start,
                    func.sum(total // HALF).label("high"),
                    func.sum(total % HALF).label("low"),
                    func.count(total).label("known"),
                    func.count().label("measured"),
                )
                .where(
                    table.c.period_type == str(first.type),
                    table.c.period_start.between(first.start, last.start),
                    _of(
                        *(connection, reach, asked, table.c.instance_id),
                        _few(connection, reach, asked),
                    ),
                )
                .group_by(table.c.period_start)
                .order_by(table.c.period_start)
            )
            return [
                FleetPeriod(
                    row.period_start,
                    int(row.high or 0) * HALF + int(row.low or 0),
                    *(row.known, row.measured - row.known),
                )
                for row in connection.execute(query)
            ]

    @remembered
    def database_id(self, instance_id: int, name: str) -> int | None:
        """Return the id of a database that was ever seen on an instance; None: there is none."""
        table = instance_databases
        query = select(table.c.id).where(
            table.c.instance_id == instance_id, table.c.database_name == name
        )
        with self._database.read_once() as connection:
            found: int | None = connection.scalar(query)
            return found

    @remembered
    def tables(
        self, instance_id: int, database_id: int, day: date, name: str, limit: int
    ) -> list[TableView]:
        """Return the largest tables of a database on a day; `name` is the database's."""
        table = table_size_stats
        query = (
            select(table)
            .where(
                table.c.instance_id == instance_id,
                table.c.collected_date == day,
                table.c.database_id == database_id,
            )
            .order_by(table.c.total_bytes.desc(), table.c.schema_name, table.c.table_name)
            .limit(limit)
        )
        with self._database.read_once() as connection:
            return [
                TableView(
                    *(name, row.schema_name, row.table_name),
                    *(row.total_bytes, row.data_bytes, row.index_bytes),
                )
                for row in connection.execute(query)
            ]

    @remembered
    def table_days(
        self,
        instance_id: int,
        database_id: int,
        named: tuple[str, str],
        since: date,
        until: date,
    ) -> list[TableDay]:
        """Return the sizes of a table of `[since, until]` by date; its schema and name."""
        table = table_size_stats
        schema, name = named
        query = (
            select(table)
            .where(
                table.c.instance_id == instance_id,
                table.c.collected_date.between(since, until),
                table.c.database_id == database_id,
                table.c.schema_name == schema,
                table.c.table_name == name,
            )
            .order_by(table.c.collected_date)
        )
        with self._database.read_once() as connection:
            return [
                TableDay(row.collected_date, row.total_bytes, row.data_bytes, row.index_bytes)
                for row in connection.execute(query)
            ]


@dataclass(frozen=True, slots=True)
class _Level:
    """The subjects of a question in one transaction: their rows, and what these are called.

    `few` are the ids of its instances; None: they are many.
    """

    connection: Connection
    reach: Reach
    asked: StandingQuestion
    few: Sequence[int] | None

    @property
    def is_database(self) -> bool:
        return self.asked.subjects is Subjects.DATABASES

    @property
    def table(self) -> Table:
        return database_size_aggregations if self.is_database else instance_size_aggregations

    @property
    def is_of_limits(self) -> bool:
        return self.asked.order is StandingOrder.UNTIL

    @property
    def ids(self) -> tuple[Column, ...]:
        """Return the columns by which equal values are in order."""
        if self.is_of_limits:
            return size_limits.c.instance_id, size_limits.c.database_name
        columns = self.table.c
        more = (columns.database_id,) if self.is_database else ()
        return (columns.instance_id, *more)

    def ids_of(self, key: Key) -> tuple[int | str, ...]:
        """Return what `ids` are of the subject of a key, which has its names alone."""
        _, instance, database = key
        columns: list[Column] = [instances.c.id]
        query = select(*columns).where(
            instances.c.name == instance, *in_reach(self.connection, self.reach)
        )
        if self.is_database and not self.is_of_limits:
            names = instance_databases
            query = query.add_columns(names.c.id).join_from(instances, names)
            query = query.where(names.c.database_name == database)
        found = self.connection.execute(query).first()
        if found is None:
            raise no_key()
        return (*found, str(database)) if self.is_of_limits else tuple(found)

    def rows(self, key: Key | None, begin: Sequence[int | str] | None, most: int) -> list[Row[Any]]:
        """Return rows after a key: first those that have the value, then those that have none."""
        value = self._value()
        found: list[Row[Any]] = []
        if key is None or key[0]:
            place = (_number(str(key[0])), *(begin or ())) if key else None
            found += self._some((value, *self.ids), value.is_not(None), place, most)
        if len(found) < most:
            place = tuple(begin or ()) if key and not key[0] else None
            found += self._some(self.ids, value.is_(None), place, most - len(found))
        return found

    def _value(self) -> Column:
        if self.is_of_limits:
            return _days_until(self.table, size_limits.c.limit_bytes, self.asked.period)
        column: Column = self.table.c[_VALUES[self.asked.order]]
        # Else SQLite would look for few instances in the order of the whole fleet.
        return column if self.few is None else column + 0

    def _some(
        self, order: Sequence[Column], is_wanted: Column, place: Sequence[Any] | None, most: int
    ) -> Sequence[Row[Any]]:
        query = self._query(self._value().label("value")).where(is_wanted)
        ordered = after(query, order, place, is_descending=self.asked.is_descending)
        return self.connection.execute(ordered.limit(most)).all()

    def _query(self, value: Column) -> Select[Any]:
        """Select rows of the period, or limits with their rows of it, each with its value."""
        if self.is_of_limits:
            return self._limited(value)
        table = self.table
        own = self._own(table.c.instance_id)
        query = select(table, value).where(self._of_period(), own)
        if self.is_database and self.asked.period.type is not PeriodType.DAY:
            # As the index of growth says it, which is of these alone.
            query = query.where(LONGER_THAN_A_DAY)
        return query

    def _own(self, column: Any) -> Column:
        return _of(self.connection, self.reach, self.asked.instances, column, self.few)

    def _of_period(self) -> Column:
        table, period = self.table, self.asked.period
        return and_(table.c.period_type == str(period.type), table.c.period_start == period.start)

    def _limited(self, value: Column) -> Select[Any]:
        """Select limits, of which there are few, each with the row that its subject has."""
        table, limits = self.table, size_limits
        same = and_(self._of_period(), table.c.instance_id == limits.c.instance_id)
        if self.is_database:
            names = instance_databases
            known = select(names.c.id).where(
                names.c.instance_id == limits.c.instance_id,
                names.c.database_name == limits.c.database_name,
            )
            same = and_(same, table.c.database_id == known.scalar_subquery())
        kept = [column for column in table.c if column.name != "instance_id"]
        is_level = (
            limits.c.database_name != "" if self.is_database else limits.c.database_name == ""
        )
        own = self._own(limits.c.instance_id)
        query = select(limits, *kept, value).select_from(limits.outerjoin(table, same))
        return query.where(is_level, own)

    def standings(self, rows: Sequence[Row[Any]]) -> list[Standing]:
        """Return rows with their names and limits."""
        if not rows:
            return []
        known = {row.id: row for row in self._named([row.instance_id for row in rows])}
        names = self._databases(rows)
        limits = self._limits(list(known))
        made = []
        for row, database in zip(rows, names, strict=True):
            own = known[row.instance_id]
            is_known = row.period_type is not None
            made.append(
                Standing(
                    *(own.name, own.engine, own.environment, database),
                    aggregation_of(row, own.name, database) if is_known else None,
                    limits.get((row.instance_id, database)),
                    _left(row.value) if self.is_of_limits else None,
                )
            )
        return made

    def _databases(self, rows: Sequence[Row[Any]]) -> list[str]:
        """Return the name of the database of each row; empty for instances."""
        if self.is_of_limits:
            return [row.database_name for row in rows]
        if not self.is_database:
            return [""] * len(rows)
        table = instance_databases
        is_wanted = among(self.connection, table.c.id, [row.database_id for row in rows])
        found = self.connection.execute(select(table.c.id, table.c.database_name).where(is_wanted))
        names = {row.id: row.database_name for row in found}
        return [names[row.database_id] for row in rows]

    def _named(self, ids: Sequence[int]) -> Sequence[Row[Any]]:
        columns = instances.c
        query = select(columns.id, columns.name, columns.engine, columns.environment)
        return self.connection.execute(query.where(among(self.connection, columns.id, ids))).all()

    def _limits(self, ids: Sequence[int]) -> dict[tuple[int, str], int]:
        table = size_limits
        query = select(table).where(among(self.connection, table.c.instance_id, ids))
        return {
            (row.instance_id, row.database_name): row.limit_bytes
            for row in self.connection.execute(query)
        }


def _days_until(table: Table, limit: Column, period: Period) -> Column:
    """Return in how many days a limit is reached; NULL where the average did not grow."""
    growth = table.c.total_change_bytes
    left = cast(limit - table.c.total_last_bytes, Float) * period.days
    return case((growth > 0, left / cast(growth, Float)), else_=null())


def _few(connection: Connection, reach: Reach, asked: InstanceQuestion) -> list[int] | None:
    """Return the ids of the instances of a question; None: they are many."""
    where = [*in_reach(connection, reach), *chosen(connection, asked)]
    if not where:
        return None
    own = select(instances.c.id).where(_IS_THERE, *where)
    ids = list(connection.scalars(own.limit(FEW + 1)))
    return ids if len(ids) <= FEW else None


def _of(
    connection: Connection,
    reach: Reach,
    asked: InstanceQuestion,
    column: Any,
    few: Sequence[int] | None,
) -> ColumnElement[bool]:
    """Return that a column holds the id of an instance of a question.

    Of few instances a seek for each is cheaper than to look at whatever is found. Where they are
    more, the rows of the period are looked at in their order, and most of them are wanted.
    """
    if few is not None:
        return among(connection, column, few)
    where = [*in_reach(connection, reach), *chosen(connection, asked)]
    if not where:
        gone = select(instances.c.id).where(instances.c.deleted_at.is_not(None))
        is_there: ColumnElement[bool] = column.not_in(gone)
        return is_there
    own = select(instances.c.id).where(_IS_THERE, *where)
    # As a sum it is sought in no index: else a fleet's rows would be read and sorted for a page.
    is_own: ColumnElement[bool] = (column + 0).in_(own)
    return is_own


def _left(days: float | None) -> float | None:
    """Return how many days are left; none of a limit that was reached."""
    return None if days is None else max(0.0, days)


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _number(text: str) -> int | float:
    """Return the value that a key names.

    Raises:
        ConfigurationError: it names none.
    """
    try:
        found: int | float = int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        raise no_key() from None
    is_number = abs(found) < 2**63 if isinstance(found, int) else math.isfinite(found)
    if not is_number:
        raise no_key()
    return found
