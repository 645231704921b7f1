"""What Dagster loads: the composition of jobs, schedules and sensors, nothing else."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.catalog import Known, instance_assets, known
from sync_pipeline.orchestration.fleet_aggregations import build_fleet_aggregations
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
from sync_pipeline.orchestration.runtime.executors import console, executor_of, step_values_of
from sync_pipeline.orchestration.schedules import build_schedule
from sync_pipeline.orchestration.sensors import build_session_reaper
from sync_pipeline.settings import Settings

_SETTINGS = Settings.load()


def _definitions(settings: Settings, found: Known) -> dg.Definitions:
    """Return jobs, schedules and sensors; what periods are offered depends on the store."""
    account_sync = build_account_sync(settings)
    capacity_sync = build_capacity_sync(settings)
    aggregate_sizes = build_aggregate_sizes(settings)
    maintain_sizes = build_maintain_sizes(settings)
    jobs = [
        account_sync,
        capacity_sync,
        aggregate_sizes,
        *(
            build_period_job(settings, kind, found.computable(kind, settings))
            for kind in PeriodType
        ),
        build_backfill_sizes(settings),
        maintain_sizes,
    ]
    return dg.Definitions(
        jobs=jobs,
        schedules=[
            build_schedule(
                settings,
                account_sync,
                settings.account_sync_cron,
                "Sync the accounts of all active instances.",
                is_sharded=True,
            ),
            build_schedule(
                settings,
                capacity_sync,
                settings.capacity_sync_cron,
                "Measure the databases of all active instances.",
                is_sharded=True,
            ),
            build_schedule(
                settings,
                aggregate_sizes,
                settings.aggregation_cron,
                "Aggregate sizes once the collection of the day has ended.",
            ),
            build_schedule(
                settings,
                maintain_sizes,
                settings.maintenance_cron,
                "Make partitions ahead and prune old sizes.",
            ),
        ],
        sensors=[build_session_reaper(settings), instance_freshness],
        resources={"pipeline": PipelineResource(), "io_manager": step_values_of(settings)},
    )


defs = _definitions(_SETTINGS, Known())


@dg.definitions
def location() -> dg.Definitions:
    """Return what Dagster loads: the definitions, the fleet and its instances as assets.

    The executor and the log are those of the job in which Dagster materializes assets.
    """
    found = known(Settings.load())
    fleet = [
        build_fleet_aggregations(_SETTINGS, kind, found.computable(kind, _SETTINGS))
        for kind in PeriodType
    ]
    assets = dg.Definitions(
        assets=[*fleet, *instance_assets(_SETTINGS)],
        executor=executor_of(_SETTINGS),
        loggers={"console": console()},
    )
    return dg.Definitions.merge(_definitions(_SETTINGS, found), assets)
