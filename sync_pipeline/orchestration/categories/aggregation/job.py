"""The jobs that aggregate sizes: of what is due, of one period, and of a range of periods."""

from __future__ import annotations

from sync_pipeline.categories import AGGREGATION
from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.categories.aggregation.pages import computed_by
from sync_pipeline.orchestration.categories.aggregation.periods import AGGREGATE
from sync_pipeline.orchestration.categories.aggregation.steps import (
    aggregate_instance,
    select_due,
    select_range,
)
from sync_pipeline.orchestration.categories.job import DAILY_PRIORITY, CategoryJob, MoreJob
from sync_pipeline.orchestration.config import BackfillConfig, SelectionConfig
from sync_pipeline.orchestration.metadata import largest_of_fleet
from sync_pipeline.orchestration.runs.runs import (
    AGGREGATE_PERIOD,
    BACKFILL_SIZES,
    FLEET_AGGREGATIONS,
)
from sync_pipeline.settings import Settings


def _wait_seconds(settings: Settings) -> int:
    """Return what is not work: the wait for the collection."""
    return settings.aggregation_wait_seconds


def _of_period(kind: PeriodType) -> MoreJob:
    return MoreJob(
        AGGREGATE_PERIOD[kind],
        f"Aggregate the sizes of one {kind} again, or of an unbroken range in one run, as of the "
        f"asset {FLEET_AGGREGATIONS}/{kind} and with `sync-pipeline backfill`.",
        kind=kind,
    )


AGGREGATION_JOB = CategoryJob(
    row=AGGREGATION,
    description="Wait for today's collection, then aggregate the running day, week, month and "
    "quarter to date, and close those that have ended.",
    work=aggregate_instance,
    select=select_due,
    config=SelectionConfig,
    asked=AGGREGATE,
    shown=largest_of_fleet,
    events=computed_by,
    priority=DAILY_PRIORITY,
    more_seconds=_wait_seconds,
    more_jobs=(
        *map(_of_period, PeriodType),
        MoreJob(
            BACKFILL_SIZES,
            "Aggregate every period of a kind between two days again, in one run.",
            select_range,
            config=BackfillConfig,
        ),
    ),
)
