"""The statement that aggregates one instance's daily sizes: the same on both stores.

Everything comes from the daily rows alone, the previous period's figures too. So it does
not matter in which order periods are computed, and a period that is computed again equals
what was first written, whatever happened to its database meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Float,
    FromClause,
    Insert,
    Integer,
    Table,
    and_,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    null,
    select,
    values,
)
from sqlalchemy.sql.selectable import CTE

from sync_pipeline.model.aggregation import Trend
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.store.size_schema import (
    AGGREGATED,
    database_size_aggregations,
    database_size_stats,
    instance_size_aggregations,
    instance_size_stats,
)

Column = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class AggregationRequest:
    """What to compute: the periods of a range for one instance, known until `today`.

    `trend_percent` is the change of the average from which a size grows or shrinks.
    """

    instance_id: int
    periods: PeriodRange
    today: date
    trend_percent: float
    now: datetime


def database_aggregations(request: AggregationRequest, dialect: str) -> Insert:
    """Return the statement that writes the aggregations of every database."""
    source, target = database_size_stats, database_size_aggregations
    return _Builder(request, dialect, source, target, ("database_id",)).statement()


def instance_aggregations(request: AggregationRequest, dialect: str) -> Insert:
    """Return the statement that writes the aggregations of the instance itself."""
    return _Builder(request, dialect, instance_size_stats, instance_size_aggregations).statement()


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the statement; `keys` tell the subjects within the instance apart."""

    request: AggregationRequest
    dialect: str
    source: Table
    target: Table
    keys: tuple[str, ...] = ()

    def statement(self) -> Insert:
        """Return INSERT … SELECT: sums of each period, then its figures, then both compared."""
        figures = self._figures(self._sums())
        periods = self._periods()
        current, previous = figures.alias("current"), figures.alias("previous")
        same = [current.c[key] == previous.c[key] for key in self.keys]
        expected: Column = periods.c.elapsed_days
        joined: FromClause = current.join(
            periods, periods.c.period_start == current.c.period_start
        ).outerjoin(previous, and_(previous.c.period_start == periods.c.previous_start, *same))
        if self.keys:
            # A day on which the instance was measured without the database is not a gap.
            measured = self._measured_days()
            joined = joined.outerjoin(measured, measured.c.period_start == current.c.period_start)
            days = func.coalesce(measured.c.measured_days, current.c.row_count)
            expected = expected - days + current.c.row_count
        columns = self._columns(current, previous, periods, expected)
        query = select(*columns).select_from(joined)
        return insert(self.target).from_select([item.name for item in columns], query)

    def _start_of(self, day: Column) -> Column:
        """Return the first day of the period of a day."""
        periods, kind = self.request.periods, self.request.periods.type
        if kind is PeriodType.DAY:
            return day
        if periods.first == periods.last:
            # One period and the one before: comparing is cheaper than arithmetic on dates.
            before = periods.first.previous.start
            return case(
                (day >= periods.start, literal(periods.start, Date)), else_=literal(before, Date)
            )
        if self.dialect == "postgresql":
            return cast(func.date_trunc(str(kind), cast(day, DateTime)), Date)
        return _sqlite_start(day, kind)

    def _in_range(self, table: FromClause) -> Column:
        day = table.c.collected_date
        return and_(
            table.c.instance_id == self.request.instance_id,
            day >= self.request.periods.needs_from,
            day < self.request.periods.end,
        )

    def _periods(self) -> CTE:
        rows = [
            (item.start, item.end, item.previous.start, item.days_until(self.request.today))
            for item in self.request.periods
        ]
        table = values(
            column("period_start", Date),
            column("period_end", Date),
            column("previous_start", Date),
            column("elapsed_days", Integer),
            name="periods",
        )
        return table.data(rows).cte("periods")

    def _measured_days(self) -> CTE:
        start = self._start_of(instance_size_stats.c.collected_date)
        return (
            select(start.label("period_start"), func.count().label("measured_days"))
            .where(self._in_range(instance_size_stats))
            .group_by(start)
            .cte("measured")
        )

    def _sums(self) -> CTE:
        """Return what one pass over the days gives, for the range and the period before."""
        day = self.source.c.collected_date
        start = self._start_of(day)
        subjects = [self.source.c[key] for key in self.keys]
        columns: list[Column] = [
            *subjects,
            start.label("period_start"),
            func.count().label("row_count"),
            func.max(day).label("last_date"),
        ]
        for value in AGGREGATED:
            number = self.source.c[f"{value}_bytes"]
            known = number.is_not(None)
            columns += [
                # 92 days of 9 petabytes each still fit.
                cast(func.sum(number), BigInteger).label(f"{value}_sum"),
                func.count(number).label(f"{value}_count"),
                func.min(number).label(f"{value}_min"),
                func.max(number).label(f"{value}_max"),
                func.min(day).filter(known).label(f"{value}_first_date"),
                func.max(day).filter(known).label(f"{value}_last_date"),
            ]
        query = select(*columns).where(self._in_range(self.source))
        return query.group_by(*subjects, start).cte("sums")

    def _figures(self, sums: CTE) -> CTE:
        """Return the sums with the average, and the values of the first and the last day."""
        columns: list[Column] = [sums.c[key] for key in self.keys]
        columns += [sums.c.period_start, sums.c.row_count, sums.c.total_count]
        joined: FromClause = sums
        for value in AGGREGATED:
            count = sums.c[f"{value}_count"]
            columns += [
                _average(sums.c[f"{value}_sum"], count).label(f"{value}_avg"),
                sums.c[f"{value}_min"],
                sums.c[f"{value}_max"],
            ]
            for word in ("first", "last"):
                found = self.source.alias(f"{value}_{word}_day")
                joined = self._on_day(joined, found, sums, sums.c[f"{value}_{word}_date"])
                columns.append(found.c[f"{value}_bytes"].label(f"{value}_{word}"))
        if not self.keys:
            found = self.source.alias("last_day")
            joined = self._on_day(joined, found, sums, sums.c.last_date)
            columns.append(found.c.database_count)
        return select(*columns).select_from(joined).cte("figures")

    def _on_day(self, joined: FromClause, found: FromClause, sums: CTE, day: Column) -> FromClause:
        """Join the source's row of one day, by its whole key."""
        subject = [found.c[key] == sums.c[key] for key in self.keys]
        # The range follows from the date, but by it PostgreSQL leaves partitions out.
        condition = and_(found.c.collected_date == day, self._in_range(found), *subject)
        return joined.outerjoin(found, condition)

    def _columns(
        self, current: FromClause, previous: FromClause, periods: CTE, expected: Column
    ) -> list[Column]:
        columns: list[Column] = [
            literal(self.request.instance_id, BigInteger).label("instance_id"),
            *(current.c[key] for key in self.keys),
            literal(str(self.request.periods.type)).label("period_type"),
            periods.c.period_start,
            periods.c.period_end,
            current.c.total_count.label("data_count"),
            expected.label("expected_count"),
        ]
        for value in AGGREGATED:
            columns += _statistics(value, current, previous)
        change = _percent(current.c.total_avg, previous.c.total_avg)
        columns.append(_trend(change, self.request.trend_percent).label("trend"))
        if not self.keys:
            count = current.c.database_count
            more = (count - previous.c.database_count).label("database_count_change")
            columns += [count, more]
        moment = self.target.c.calculated_at.type
        columns.append(literal(self.request.now, moment).label("calculated_at"))
        return columns


def _sqlite_start(day: Column, kind: PeriodType) -> Column:
    # https://www.sqlite.org/lang_datefunc.html: "weekday 0" goes on to the next Sunday.
    if kind is PeriodType.WEEK:
        return func.date(day, "weekday 0", "-6 days", type_=Date)
    if kind is PeriodType.MONTH:
        return func.date(day, "start of month", type_=Date)
    months = func.printf("-%d months", (cast(func.strftime("%m", day), Integer) - 1) % 3)
    return func.date(day, "start of month", months, type_=Date)


def _average(total: Column, count: Column) -> Column:
    """Return the mean in whole bytes, halves up: floats would differ between the stores."""
    return case((count > 0, (2 * total + count) // (2 * count)), else_=null())


def _statistics(value: str, current: FromClause, previous: FromClause) -> list[Column]:
    now, before = current.c[f"{value}_avg"], previous.c[f"{value}_avg"]
    last, last_before = current.c[f"{value}_last"], previous.c[f"{value}_last"]
    return [
        now.label(f"{value}_avg_bytes"),
        *(
            current.c[f"{value}_{word}"].label(f"{value}_{word}_bytes")
            for word in ("min", "max", "first", "last")
        ),
        (now - before).label(f"{value}_change_bytes"),
        _percent(now, before).label(f"{value}_change_percent"),
        _percent(last, last_before).label(f"{value}_growth_rate"),
    ]


def _percent(now: Column, before: Column) -> Column:
    """Return by how many percent a value is above an earlier one; NULL where that is 0."""
    divisor = func.nullif(cast(before, Float), 0.0, type_=Float)
    return cast(now - before, Float) * 100.0 / divisor


def _trend(percent: Column, threshold: float) -> Column:
    return case(
        (percent.is_(None), null()),
        (percent >= threshold, str(Trend.GROWING)),
        (percent <= -threshold, str(Trend.SHRINKING)),
        else_=str(Trend.STABLE),
    )
