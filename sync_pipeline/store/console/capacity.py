"""What is large and what grew, over the whole fleet: pages in the order of an index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    func,
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
from sync_pipeline.store.console.sums import KeptSums, Part, ids_in
from sync_pipeline.store.database import Database, among
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
from sync_pipeline.store.topics import PARTS, Topic

Column = ColumnElement[Any]
_IS_THERE = instances.c.deleted_at.is_(None)
HALF = 2**32
"""Sums are of both halves: servers that lie of their size would else be more than SQLite adds."""
_VALUES = {
    StandingOrder.SIZE: "total_last_bytes",
    StandingOrder.GROWTH: "total_change_bytes",
    StandingOrder.PERCENT: "total_change_percent",
    StandingOrder.UNTIL: "periods_until_limit",
}


class CapacityPages(OfDatabase):
    """Aggregations of instances that were not removed, within a reach."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._periods: KeptSums[date] = KeptSums(database, Topic.PERIODS)

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
        # Any sync may find out on which platform an instance is.
        is_anew = self._database.remembered is None or bool(asked.platforms)
        read = self._read_fleet if is_anew else self.kept_fleet
        rows = read(reach, asked, first, last)
        return [
            FleetPeriod(start, high * HALF + low, known, measured - known)
            for start, (high, low, known, measured) in sorted(rows.items())
        ]

    def kept_fleet(
        self, reach: Reach, asked: InstanceQuestion, first: Period, last: Period
    ) -> Mapping[date, tuple[int, ...]]:
        """Return the sums of the same, of which this process keeps those of each part."""

        def read(connection: Connection, parts: Sequence[int]) -> dict[int, Part[date]]:
            return _fleet_of_parts(connection, parts, reach, asked, (first, last))

        return self._periods.of((reach, asked, first, last), read).rows

    def _read_fleet(
        self, reach: Reach, asked: InstanceQuestion, first: Period, last: Period
    ) -> Mapping[date, tuple[int, ...]]:
        table = instance_size_aggregations
        with self._database.read() as connection:
            few = _few(connection, reach, asked)
            own = _of(connection, reach, asked, table.c.instance_id, few)
            query = select(table.c.period_start, *_fleet_sums()).where(own, *_between(first, last))
            rows = connection.execute(query.group_by(table.c.period_start)).all()
        return {row.period_start: tuple(int(number or 0) for number in row[1:]) for row in rows}

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
        columns = self.table.c
        more = (columns.database_id,) if self.is_database else ()
        return (columns.instance_id, *more)

    @property
    def ids_without(self) -> tuple[Column, ...]:
        """Return those of what has no value: of limits it may have no row of the period."""
        if self.is_of_limits:
            return size_limits.c.instance_id, size_limits.c.database_name
        return self.ids

    def ids_of(self, key: Key) -> tuple[int | str, ...]:
        """Return what these columns are of the subject of a key, which has its names alone."""
        value, instance, database = key
        columns: list[Column] = [instances.c.id]
        query = select(*columns).where(
            instances.c.name == instance, *in_reach(self.connection, self.reach)
        )
        is_named = self.is_of_limits and not value
        if self.is_database and not is_named:
            names = instance_databases
            query = query.add_columns(names.c.id).join_from(instances, names)
            query = query.where(names.c.database_name == database)
        found = self.connection.execute(query).first()
        if found is None:
            raise no_key()
        return (*found, str(database)) if is_named else tuple(found)

    def rows(self, key: Key | None, begin: Sequence[int | str] | None, most: int) -> list[Row[Any]]:
        """Return rows after a key: first those that have the value, then those that have none."""
        value = self._value()
        found: list[Row[Any]] = []
        if key is None or key[0]:
            place = (_number(str(key[0])), *(begin or ())) if key else None
            known = self._query(value.label("value")).where(value.is_not(None))
            found += self._some(known, (value, *self.ids), place, most)
        if len(found) < most:
            place = tuple(begin or ()) if key and not key[0] else None
            query = self._limited if self.is_of_limits else self._query
            without = query(value.label("value")).where(value.is_(None))
            found += self._some(without, self.ids_without, place, most - len(found))
        return found

    def _value(self) -> Column:
        column: Column = self.table.c[_VALUES[self.asked.order]]
        # Else SQLite would look for few instances in the order of the whole fleet.
        return column if self.few is None else column + 0

    def _some(
        self,
        query: Select[Any],
        order: Sequence[Column],
        place: Sequence[Any] | None,
        most: int,
    ) -> Sequence[Row[Any]]:
        ordered = after(query, order, place, is_descending=self.asked.is_descending)
        return self.connection.execute(ordered.limit(most)).all()

    def _query(self, value: Column) -> Select[Any]:
        """Select rows of the period, each with its value."""
        table = self.table
        own = self._own(table.c.instance_id)
        query = select(table, value).where(self._of_period(), own)
        is_of_day = self.asked.period.type is PeriodType.DAY
        if self.is_database and not self.is_of_limits and not is_of_day:
            # As the index of growth says it, which is of these alone.
            query = query.where(LONGER_THAN_A_DAY)
        return query

    def _own(self, column: Any) -> Column:
        return _of(self.connection, self.reach, self.asked.instances, column, self.few)

    def _of_period(self) -> Column:
        table, period = self.table, self.asked.period
        return and_(table.c.period_type == str(period.type), table.c.period_start == period.start)

    def _limited(self, value: Column) -> Select[Any]:
        """Select limits, each with the row of the period that its subject has, if it has one."""
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
                    self._days_left(row.value) if self.is_of_limits else None,
                )
            )
        return made

    def _days_left(self, periods: float | None) -> float | None:
        """Return how many days are left; none of a limit that was reached."""
        return None if periods is None else max(0.0, periods * self.asked.period.days)

    def _databases(self, rows: Sequence[Row[Any]]) -> list[str]:
        """Return the name of the database of each row; empty for instances."""
        if not self.is_database:
            return [""] * len(rows)
        table = instance_databases
        # A limit without a value has its name, and maybe no row of the period.
        named = [row._mapping.get("database_name") for row in rows]  # noqa: SLF001 - documented
        ids = [row.database_id for row, name in zip(rows, named, strict=True) if name is None]
        is_wanted = among(self.connection, table.c.id, ids)
        found = self.connection.execute(select(table.c.id, table.c.database_name).where(is_wanted))
        names = {row.id: row.database_name for row in found}
        return [
            names[row.database_id] if name is None else name
            for row, name in zip(rows, named, strict=True)
        ]

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


def _fleet_sums() -> tuple[Column, ...]:
    """Return both halves of the last sizes, how many are known, and how many there are."""
    total = instance_size_aggregations.c.total_last_bytes
    halves = func.sum(total // HALF), func.sum(total % HALF)
    return *halves, func.count(total), func.count()


def _between(first: Period, last: Period) -> tuple[Column, ...]:
    table = instance_size_aggregations
    return (
        table.c.period_type == str(first.type),
        table.c.period_start.between(first.start, last.start),
    )


def _fleet_of_parts(
    connection: Connection,
    parts: Sequence[int],
    reach: Reach,
    asked: InstanceQuestion,
    between: tuple[Period, Period],
) -> dict[int, Part[date]]:
    table = instance_size_aggregations
    ids = ids_in(connection, parts)
    own = select(instances.c.id).where(
        among(connection, instances.c.id, ids),
        *(_IS_THERE, *in_reach(connection, reach), *chosen(connection, asked)),
    )
    wanted = list(connection.scalars(own))
    part = table.c.instance_id % PARTS
    query = (
        select(part, table.c.period_start, *_fleet_sums())
        .where(among(connection, table.c.instance_id, wanted), *_between(*between))
        .group_by(part, table.c.period_start)
    )
    rows: dict[int, dict[date, tuple[int, ...]]] = {number: {} for number in parts}
    for number, start, *sums in connection.execute(query):
        rows[number][start] = tuple(int(item or 0) for item in sums)
    return {number: Part(own) for number, own in rows.items()}


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
