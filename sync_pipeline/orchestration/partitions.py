"""The partitions of the aggregations: one period each, in the fleet's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dates import date_of

# Midnight of each period's first day. One offset more than ended periods: the running one
# can be computed too, to date.
CRON_OF = {
    PeriodType.DAY: "0 0 * * *",
    PeriodType.WEEK: "0 0 * * 1",
    PeriodType.MONTH: "0 0 1 * *",
    PeriodType.QUARTER: "0 0 1 1,4,7,10 *",
}
KEY_FORMAT = "%Y-%m-%d"
EARLIEST = date(1990, 1, 1)
"""Before all data: where a run is told its partitions, and has to know them all."""


def first_day(settings: Settings, oldest: date | None, now: datetime | None = None) -> date:
    """Return the day from which periods are offered.

    That is the setting, where there is one, or else the day of the oldest size. Where none is
    known (an empty store, or one that did not answer) it is the first day whose sizes would
    still be kept: what is collected, or brought in, from now on is in it.
    """
    if settings.first_period is not None:
        return settings.first_period
    today = date_of(now or datetime.now(UTC), settings)
    return max(oldest or today - timedelta(days=settings.size_retention_days), EARLIEST)


def partitions_of(
    kind: PeriodType,
    settings: Settings,
    oldest: date | None = None,
    pruned_before: date = date.min,
) -> dg.TimeWindowPartitionsDefinition:
    """Return the periods of a kind since `first_day`, by the date of their first day.

    Periods that can't be computed any more, because sizes that they need were pruned, are
    left out, so that all that are offered are a range that can.
    """
    first = Period.of(kind, first_day(settings, oldest))
    while settings.first_period is None and PeriodRange(first, first).needs_from < pruned_before:
        first = first.next
    return dg.TimeWindowPartitionsDefinition(
        start=first.start.isoformat(),
        fmt=KEY_FORMAT,
        cron_schedule=CRON_OF[kind],
        timezone=settings.time_zone,
        end_offset=1,
    )
