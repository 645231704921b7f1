"""The partitions of the aggregation jobs: one period each, in the fleet's time zone."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.settings import Settings

# Midnight of each period's first day. One offset more than ended periods: the running one
# can be computed too, to date.
CRON_OF = {
    PeriodType.DAY: "0 0 * * *",
    PeriodType.WEEK: "0 0 * * 1",
    PeriodType.MONTH: "0 0 1 * *",
    PeriodType.QUARTER: "0 0 1 1,4,7,10 *",
}
KEY_FORMAT = "%Y-%m-%d"


def partitions_of(kind: PeriodType, settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Return the periods of a kind since `first_period`, by the date of their first day."""
    return dg.TimeWindowPartitionsDefinition(
        start=Period.of(kind, settings.first_period).start.isoformat(),
        fmt=KEY_FORMAT,
        cron_schedule=CRON_OF[kind],
        timezone=settings.time_zone,
        end_offset=1,
    )
