"""The statements that aggregate the daily sizes of instances, on either store.

Everything comes from the daily rows alone, the previous period's figures too. So it does
not matter in which order periods are computed, and a period that is computed again equals
what was first written, whatever happened to its database meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    String,
    Table,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.selectable import CTE, Values
from sqlalchemy.sql.visitors import InternalTraversal

from sync_pipeline.model.aggregation import AggregationRequest, Trend
from sync_pipeline.model.period import PeriodType
from sync_pipeline.store.sizes.limits import limits_of, periods_until
from sync_pipeline.store.sizes.schema import (
    AGGREGATED,
    database_size_aggregations,
    database_size_stats,
    instance_size_aggregations,
    instance_size_stats,
)

Column = ColumnElement[Any]
DATE_LENGTH = len("2026-01-31")
FEW_PERIODS = 12
PERIOD_COLUMNS = ("period_start", "period_end", "previous_start", "elapsed_days")


def parameters_of(request: AggregationRequest) -> dict[str, Any]:
    """Return the values that the statements take."""
    periods = {
        f"{word}_{number}": value
        for number, item in enumerate(request.periods)
        for word, value in (
            ("start", item.start),
            ("end", item.end),
            ("previous", item.previous.start),
            ("elapsed", item.days_until(request.today)),
        )
    }
    return {
        **periods,
        "instances": list(request.instance_ids),
        "kind": str(request.periods.type),
        "needs_from": request.periods.needs_from,
        "range_start": request.periods.start,
        "range_end": request.periods.end,
        "trend_percent": request.trend_percent,
        "now": request.now,
    }


def database_aggregations(request: AggregationRequest, dialect: str) -> Insert:
    """Return the statement that writes the aggregations of every database."""
    return _statement("database", request.periods.type, len(list(request.periods)), dialect)


def instance_aggregations(request: AggregationRequest, dialect: str) -> Insert:
    """Return the statement that writes the aggregations of the instances themselves."""
    return _statement("instance", request.periods.type, len(list(request.periods)), dialect)


@lru_cache(maxsize=64)
def _statement(level: str, kind: PeriodType, count: int, dialect: str) -> Insert:
    """Return the statement for `count` periods; building one costs more than running it."""
    if level == "database":
        source, target, keys = database_size_stats, database_size_aggregations, ("database_id",)
        return _Builder(kind, count, dialect, source, target, keys).statement()
    source, target = instance_size_stats, instance_size_aggregations
    return _Builder(kind, count, dialect, source, target).statement()


class _Rows(Values):
    """The periods as VALUES. They are parameters, so that all of one count are one statement.

    SQLAlchemy takes rows for what differs from statement to statement, and compiles each anew:
    for one instance that took longer than to run it.
    """

    _traverse_internals = [  # noqa: RUF012 - SQLAlchemy's: what the statement's key is made of
        *(item for item in Values._traverse_internals if item[0] != "_data"),  # noqa: SLF001
        ("count", InternalTraversal.dp_plain_obj),
    ]

    def __init__(self, rows: Sequence[tuple[Column, ...]]) -> None:
        columns = [column(name, Date) for name in PERIOD_COLUMNS[:3]]
        super().__init__(*columns, column(PERIOD_COLUMNS[3], Integer), name="periods")
        self._data, self.count = (rows,), len(rows)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the statement; `more_keys` tell the subjects within an instance apart."""

    kind: PeriodType
    count: int
    dialect: str
    source: Table
    target: Table
    more_keys: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that make a subject."""
        return ("instance_id", *self.more_keys)

    def statement(self) -> Insert:
        """Return INSERT … SELECT: the figures of each period, compared with the one before."""
        figures = self._figures()
        periods = self._periods()
        current, previous = figures.alias("current"), figures.alias("previous")
        same = [current.c[key] == previous.c[key] for key in self.keys]
        expected: Column = periods.c.elapsed_days
        joined: FromClause = current.join(
            periods, periods.c.period_start == current.c.period_start
        ).outerjoin(previous, and_(previous.c.period_start == periods.c.previous_start, *same))
        if self.more_keys:
            # A day on which the instance was measured without the database is not a gap.
            measured = self._measured_days()
            joined = joined.outerjoin(
                measured,
                and_(
                    measured.c.instance_id == current.c.instance_id,
                    measured.c.period_start == current.c.period_start,
                ),
            )
            days = func.coalesce(measured.c.measured_days, current.c.row_count)
            expected = expected - days + current.c.row_count
        limits = limits_of(_instances(), of_databases=bool(self.more_keys)).cte("limits")
        own = [limits.c[key] == current.c[key] for key in self.keys]
        joined = joined.outerjoin(limits, and_(*own))
        columns = self._columns(current, previous, periods, expected)
        grown = current.c.total_avg - previous.c.total_avg
        until = periods_until(limits.c.limit_bytes, current.c.total_last, grown)
        columns.append(until.label("periods_until_limit"))
        query = select(*columns).select_from(joined)
        return insert(self.target).from_select([item.name for item in columns], query)

    def _start_of(self, day: Column) -> Column:
        """Return the first day of the period of a day."""
        if self.kind is PeriodType.DAY:
            return day
        if self.count == 1:
            # One period and the one before: comparing is cheaper than arithmetic on dates.
            start, before = _date("range_start"), _date("needs_from")
            return case((day >= start, start), else_=before)
        if self.dialect == "postgresql":
            return cast(func.date_trunc(str(self.kind), cast(day, DateTime)), Date)
        return _sqlite_start(day, self.kind)

    def _in_range(self, table: FromClause) -> Column:
        day = table.c.collected_date
        return and_(
            table.c.instance_id.in_(_instances()),
            day >= _date("needs_from"),
            day < _date("range_end"),
        )

    def _periods(self) -> CTE:
        """Return the periods as rows: first day, end, previous first day, days so far."""
        rows = [
            (
                _date(f"start_{number}"),
                _date(f"end_{number}"),
                _date(f"previous_{number}"),
                bindparam(f"elapsed_{number}", type_=Integer),
            )
            for number in range(self.count)
        ]
        if self.count > FEW_PERIODS:
            return _Rows(rows).cte("periods")
        selects = [
            select(*(item.label(name) for item, name in zip(row, PERIOD_COLUMNS, strict=True)))
            for row in rows
        ]
        return union_all(*selects).cte("periods")

    def _measured_days(self) -> CTE:
        table = instance_size_stats
        start = self._start_of(table.c.collected_date)
        return (
            select(
                table.c.instance_id,
                start.label("period_start"),
                func.count().label("measured_days"),
            )
            .where(self._in_range(table))
            .group_by(table.c.instance_id, start)
            .cte("measured")
        )

    def _figures(self) -> CTE:
        """Return what one pass over the days gives, for the range and the period before."""
        day = self.source.c.collected_date
        start = self._start_of(day)
        subjects = [self.source.c[key] for key in self.keys]
        columns: list[Column] = [
            *subjects,
            start.label("period_start"),
            func.count().label("row_count"),
            func.count(self.source.c.total_bytes).label("total_count"),
        ]
        for value in AGGREGATED:
            number = self.source.c[f"{value}_bytes"]
            columns += [
                _average(number).label(f"{value}_avg"),
                func.min(number).label(f"{value}_min"),
                func.max(number).label(f"{value}_max"),
                self._on_first_day(number).label(f"{value}_first"),
                self._on_last_day(number).label(f"{value}_last"),
            ]
        if not self.more_keys:
            columns.append(self._on_last_day(self.source.c.database_count).label("database_count"))
        query = select(*columns).where(self._in_range(self.source))
        return query.group_by(*subjects, start).cte("figures")

    def _on_first_day(self, number: Column) -> Column:
        """Return the value of the first day that has one, found in the same pass."""
        day = self.source.c.collected_date
        if self.dialect == "postgresql":
            return _first_of(number, day)
        return _unpacked(func.min(_packed(day, number)))

    def _on_last_day(self, number: Column) -> Column:
        """Return the value of the last day that has one."""
        day = self.source.c.collected_date
        if self.dialect == "postgresql":
            return _first_of(number, day.desc())
        return _unpacked(func.max(_packed(day, number)))

    def _columns(
        self, current: FromClause, previous: FromClause, periods: CTE, expected: Column
    ) -> list[Column]:
        columns: list[Column] = [
            *(current.c[key] for key in self.keys),
            bindparam("kind", type_=String).label("period_type"),
            periods.c.period_start,
            periods.c.period_end,
            current.c.total_count.label("data_count"),
            expected.label("expected_count"),
        ]
        for value in AGGREGATED:
            columns += _statistics(value, current, previous)
        change = _percent(current.c.total_avg, previous.c.total_avg)
        columns.append(_trend(change).label("trend"))
        if not self.more_keys:
            count = current.c.database_count
            more = (count - previous.c.database_count).label("database_count_change")
            columns += [count, more]
        moment = self.target.c.calculated_at.type
        columns.append(bindparam("now", type_=moment).label("calculated_at"))
        return columns


def _instances() -> Column:
    return bindparam("instances", expanding=True)


def _date(name: str) -> Column:
    return bindparam(name, type_=Date)


def _sqlite_start(day: Column, kind: PeriodType) -> Column:
    # https://www.sqlite.org/lang_datefunc.html: "weekday 0" goes on to the next Sunday.
    if kind is PeriodType.WEEK:
        return func.date(day, "weekday 0", "-6 days", type_=Date)
    if kind is PeriodType.MONTH:
        return func.date(day, "start of month", type_=Date)
    months = func.printf("-%d months", (cast(func.strftime("%m", day), Integer) - 1) % 3)
    return func.date(day, "start of month", months, type_=Date)


def _first_of(number: Column, order: Column) -> Column:
    values_in_order = aggregate_order_by(number, order)
    return func.array_agg(values_in_order).filter(number.is_not(None))[1]


def _packed(day: Column, number: Column) -> Column:
    """Return date and value as one text, NULL without a value; ten characters are the date.

    SQLite has no ordered aggregates before 3.44. A date comes once in a group, so the
    least text is that of the earliest day.
    """
    return cast(day, String).concat(cast(number, String))


def _unpacked(text: Column) -> Column:
    return cast(func.substr(text, DATE_LENGTH + 1), BigInteger)


def _average(number: Column) -> Column:
    """Return the mean in whole bytes, halves up: floats would differ between the stores."""
    # 92 days of 9 petabytes each still fit, and twice that.
    total, count = cast(func.sum(number), BigInteger), func.count(number)
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


def _trend(percent: Column) -> Column:
    threshold = bindparam("trend_percent", type_=Float)
    return case(
        (percent.is_(None), null()),
        (percent >= threshold, str(Trend.GROWING)),
        (percent <= -threshold, str(Trend.SHRINKING)),
        else_=str(Trend.STABLE),
    )
