"""Which periods of the whole fleet are aggregated, and how far each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, exists, func, select

from sync_pipeline.model.aggregation import FleetPeriod
from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import instances as registered
from sync_pipeline.store.sizes.schema import instance_size_aggregations as aggregated
from sync_pipeline.store.sizes.schema import instance_size_stats as measured


class PeriodStore:
    """Reads of periods, of all instances together; removed ones count too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def held(self, kind: PeriodType, since: date, end: date) -> list[date]:
        """Return the first days in `[since, end)` of the periods that any instance has."""
        start = func.min(aggregated.c.period_start)
        of_kind = select(start).where(aggregated.c.period_type == str(kind))
        # A seek in the index for each period: DISTINCT would read an entry for each instance.
        first = of_kind.where(aggregated.c.period_start >= since).scalar_subquery()
        found = select(first.label("day")).cte("found", recursive=True)
        following = of_kind.where(aggregated.c.period_start > found.c.day).scalar_subquery()
        found = found.union_all(select(following).where(found.c.day < end))
        query = select(found.c.day).where(found.c.day < end).order_by(found.c.day)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def fleet(self, periods: Sequence[Period]) -> list[FleetPeriod]:
        """Return what there is of each period."""
        with self._database.read() as connection:
            return [_fleet_period(connection, item) for item in periods]


def _fleet_period(connection: Connection, period: Period) -> FleetPeriod:
    is_period = (
        aggregated.c.period_type == str(period.type),
        aggregated.c.period_start == period.start,
    )
    # All of it is in the index by size.
    totals = select(func.count(), func.sum(aggregated.c.total_last_bytes)).where(*is_period)
    count, last_bytes = connection.execute(totals).one()
    # Two seeks for each instance: the days of a period are no range of any index.
    has_sizes = exists().where(
        measured.c.instance_id == registered.c.id,
        measured.c.collected_date >= period.start,
        measured.c.collected_date < period.end,
    )
    has_period = exists().where(aggregated.c.instance_id == registered.c.id, *is_period)
    left = select(func.count()).select_from(registered).where(has_sizes, ~has_period)
    return FleetPeriod(
        period=period,
        instances=count,
        left=connection.scalars(left).one(),
        last_bytes=None if last_bytes is None else int(last_bytes),
    )
