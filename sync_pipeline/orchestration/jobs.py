"""The jobs: what they do to one instance, and the limits that the settings give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.categories.job import (
    BACKFILL_PRIORITY,
    DAILY_PRIORITY,
    CategoryJob,
)
from sync_pipeline.orchestration.config import SELECT_INSTANCES
from sync_pipeline.orchestration.failures import NO_RUN_RETRY_TAGS
from sync_pipeline.orchestration.finish import finish_session
from sync_pipeline.orchestration.hooks import close_record
from sync_pipeline.orchestration.ops import open_session
from sync_pipeline.orchestration.reports import REPORT_JOB, send_reports
from sync_pipeline.orchestration.retention import prune_sizes
from sync_pipeline.orchestration.runs.runs import fleet_key
from sync_pipeline.orchestration.runtime.executors import console, executor_of, one_after_the_other
from sync_pipeline.orchestration.runtime.threaded_executor import DEADLINE_TAG
from sync_pipeline.settings import Settings

Job = dg.JobDefinition | UnresolvedAssetJobDefinition
RETENTION_JOB = "maintain_sizes"
"""By this name Dagster keeps the job's runs, and whether its schedule is on. It is not for
maintenance, in which instances are left alone."""


def build_job(settings: Settings, item: CategoryJob) -> dg.JobDefinition:
    """Return the job of a category that its schedule runs."""
    return _instance_job(
        settings,
        item.row.job,
        item.description,
        item.select,
        item.work,
        priority=item.priority,
        more_seconds=item.more_seconds(settings),
    )


def build_more_jobs(settings: Settings, item: CategoryJob) -> Iterator[Job]:
    """Return the other jobs of a category."""
    for more in item.more_jobs:
        if more.kind is None:
            yield _instance_job(
                settings,
                more.name,
                more.description,
                more.select,
                item.work,
                priority=BACKFILL_PRIORITY,
            )
        else:
            yield _partitions_job(settings, more.name, more.description, more.kind)


def _partitions_job(settings: Settings, name: str, description: str, kind: PeriodType) -> Job:
    """Return the job that materializes the periods of a kind.

    Of the job of an asset, Dagster's page of partitions shows what is materialized; of any other
    job, which partitions it had a run of its own for.
    """
    return dg.define_asset_job(
        name,
        dg.AssetSelection.assets(fleet_key(kind)),
        description=description,
        tags=_tags(settings.max_runtime_seconds, BACKFILL_PRIORITY),
        executor_def=executor_of(settings),
    )


def build_retention(settings: Settings) -> dg.JobDefinition:
    """Return the job that makes the partitions of the months to come and prunes what is old."""

    @dg.job(
        name=RETENTION_JOB,
        description="Make the store's partitions ahead, and prune what is past its retention.",
        tags=_tags(settings.max_runtime_seconds, DAILY_PRIORITY),
        executor_def=one_after_the_other(),
        logger_defs={"console": console()},
    )
    def retention() -> None:
        prune_sizes()

    return retention


def build_report_job(settings: Settings) -> dg.JobDefinition:
    """Return the job that mails the reports that are due."""

    @dg.job(
        name=REPORT_JOB,
        description="Mail the reports that are due; the file of reports says which, and to whom.",
        tags=_tags(settings.max_runtime_seconds, DAILY_PRIORITY),
        executor_def=one_after_the_other(),
        logger_defs={"console": console()},
    )
    def reports() -> None:
        send_reports()

    return reports


def _instance_job(
    settings: Settings,
    name: str,
    description: str,
    select: dg.OpDefinition,
    work: dg.OpDefinition,
    *,
    priority: int,
    more_seconds: int = 0,
) -> dg.JobDefinition:
    """Return a job that opens a session and does one step for each instance."""
    decorate: Callable[[Callable[[], None]], dg.JobDefinition] = dg.job(
        name=name,
        description=description,
        tags=_tags(settings.max_runtime_seconds + more_seconds, priority),
        executor_def=executor_of(settings),
        logger_defs={"console": console()},
        hooks={close_record},
    )

    def instances() -> None:
        # Every job's selection has one name, so that its configuration has one place.
        selected = select.alias(SELECT_INSTANCES)()
        timed = work.tag({DEADLINE_TAG: str(settings.step_deadline_seconds)})
        finish_session(instances=open_session(selected).map(timed).collect())

    return decorate(instances)


def _tags(max_runtime_seconds: int, priority: int) -> dict[str, str]:
    return {
        "dagster/max_runtime": str(max_runtime_seconds),
        "dagster/priority": str(priority),
        **NO_RUN_RETRY_TAGS,
    }
