"""What Dagster loads: the composition of jobs, schedules and sensors, nothing else."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.catalog import Known, instance_assets, known
from sync_pipeline.orchestration.categories.aggregation.fleet import build_fleet_aggregations
from sync_pipeline.orchestration.categories.registry import CATEGORY_JOBS
from sync_pipeline.orchestration.freshness import instance_freshness
from sync_pipeline.orchestration.jobs import (
    build_job,
    build_more_jobs,
    build_report_job,
    build_retention,
)
from sync_pipeline.orchestration.reports import due_reports
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runtime.executors import console, executor_of, step_values_of
from sync_pipeline.orchestration.schedules import build_schedule
from sync_pipeline.orchestration.sensors import build_session_reaper
from sync_pipeline.settings import Settings

_SETTINGS = Settings.load()


def build_definitions(settings: Settings, found: Known) -> dg.Definitions:
    """Return jobs, schedules and sensors; what periods are offered depends on the store."""
    jobs, schedules = [], []
    for item in CATEGORY_JOBS.values():
        job = build_job(settings, item)
        jobs += [job, *build_more_jobs(settings, item, found)]
        row = item.row
        schedules.append(
            build_schedule(
                settings,
                job,
                settings.cron_of(row),
                row.summary,
                is_sharded=row.reads_instances,
            )
        )
    retention = build_retention(settings)
    text = "Make partitions ahead; prune old sizes, sessions and changes."
    pruning = build_schedule(settings, retention, settings.retention_cron, text)
    sensors = [build_session_reaper(settings), instance_freshness]
    if settings.reports_file is not None:
        sensors.append(due_reports)
    return dg.Definitions(
        jobs=[*jobs, retention, build_report_job(settings)],
        schedules=[*schedules, pruning],
        sensors=sensors,
        resources={"pipeline": PipelineResource(), "io_manager": step_values_of(settings)},
    )


defs = build_definitions(_SETTINGS, Known())


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
    return dg.Definitions.merge(build_definitions(_SETTINGS, found), assets)
