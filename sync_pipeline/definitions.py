"""What Dagster loads: the composition of jobs, schedules and sensors, nothing else."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.catalog import instance_assets
from sync_pipeline.orchestration.executors import step_values_of
from sync_pipeline.orchestration.freshness import instance_freshness
from sync_pipeline.orchestration.jobs import (
    build_account_sync,
    build_aggregate_sizes,
    build_backfill_sizes,
    build_capacity_sync,
    build_maintain_sizes,
    build_period_job,
)
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.schedules import build_schedule
from sync_pipeline.orchestration.sensors import build_run_end_sensors, session_reaper
from sync_pipeline.settings import Settings

_SETTINGS = Settings.load()

account_sync = build_account_sync(_SETTINGS)
capacity_sync = build_capacity_sync(_SETTINGS)
aggregate_sizes = build_aggregate_sizes(_SETTINGS)
aggregate_day = build_period_job(_SETTINGS, PeriodType.DAY)
aggregate_week = build_period_job(_SETTINGS, PeriodType.WEEK)
aggregate_month = build_period_job(_SETTINGS, PeriodType.MONTH)
aggregate_quarter = build_period_job(_SETTINGS, PeriodType.QUARTER)
backfill_sizes = build_backfill_sizes(_SETTINGS)
maintain_sizes = build_maintain_sizes(_SETTINGS)

_SESSION_JOBS = [
    account_sync,
    capacity_sync,
    aggregate_sizes,
    aggregate_day,
    aggregate_week,
    aggregate_month,
    aggregate_quarter,
    backfill_sizes,
]

defs = dg.Definitions(
    jobs=[*_SESSION_JOBS, maintain_sizes],
    schedules=[
        build_schedule(
            _SETTINGS,
            account_sync,
            _SETTINGS.account_sync_cron,
            "Sync the accounts of all active instances.",
            is_sharded=True,
        ),
        build_schedule(
            _SETTINGS,
            capacity_sync,
            _SETTINGS.capacity_sync_cron,
            "Measure the databases of all active instances.",
            is_sharded=True,
        ),
        build_schedule(
            _SETTINGS,
            aggregate_sizes,
            _SETTINGS.aggregation_cron,
            "Aggregate sizes once the collection of the day has ended.",
        ),
        build_schedule(
            _SETTINGS,
            maintain_sizes,
            _SETTINGS.maintenance_cron,
            "Make partitions ahead and prune old sizes.",
        ),
    ],
    sensors=[*build_run_end_sensors(_SESSION_JOBS), session_reaper, instance_freshness],
    resources={"pipeline": PipelineResource(), "io_manager": step_values_of(_SETTINGS)},
)


@dg.definitions
def location() -> dg.Definitions:
    """Return what Dagster loads: the definitions, and the fleet's instances as assets."""
    return dg.Definitions.merge(defs, dg.Definitions(assets=instance_assets(_SETTINGS)))
