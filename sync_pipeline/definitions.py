"""What Dagster loads: the composition of jobs, assets, schedules and sensors, nothing else."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.catalog import (
    Known,
    instance_assets,
    instance_checks,
    known,
)
from sync_pipeline.orchestration.categories.aggregation.fleet import build_fleet_aggregations
from sync_pipeline.orchestration.categories.registry import CATEGORY_JOBS
from sync_pipeline.orchestration.freshness import instance_freshness
from sync_pipeline.orchestration.jobs import (
    Job,
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
    """Return all but the instances; what periods are offered depends on the store.

    The executor and the log are those of the jobs in which Dagster materializes assets.
    """
    jobs: list[Job] = []
    schedules = []
    for item in CATEGORY_JOBS.values():
        job = build_job(settings, item)
        jobs += [job, *build_more_jobs(settings, item)]
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
        assets=[
            build_fleet_aggregations(settings, kind, found.computable(kind, settings))
            for kind in PeriodType
        ],
        jobs=[*jobs, retention, build_report_job(settings)],
        schedules=[*schedules, pruning],
        sensors=sensors,
        resources={"pipeline": PipelineResource(), "io_manager": step_values_of(settings)},
        executor=executor_of(settings),
        loggers={"console": console()},
    )


defs = build_definitions(_SETTINGS, Known())


@dg.definitions
def location() -> dg.Definitions:
    """Return what Dagster loads: the definitions, and the instances as assets."""
    found = known(Settings.load())
    instances = dg.Definitions(assets=instance_assets(_SETTINGS), asset_checks=instance_checks())
    return dg.Definitions.merge(build_definitions(_SETTINGS, found), instances)
