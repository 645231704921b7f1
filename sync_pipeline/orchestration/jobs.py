"""The jobs: what they do to one instance, and the limits that the settings give them."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.aggregation_ops import (
    aggregate_instance,
    select_due,
    select_partition,
    select_range,
)
from sync_pipeline.orchestration.config import SELECT_INSTANCES
from sync_pipeline.orchestration.failures import NO_RUN_RETRY_TAGS
from sync_pipeline.orchestration.hooks import close_record
from sync_pipeline.orchestration.maintenance import maintain
from sync_pipeline.orchestration.ops import (
    collect_sizes,
    finish_session,
    open_session,
    select_instances,
    sync_instance,
)
from sync_pipeline.orchestration.runs.runs import (
    ACCOUNT_SYNC,
    AGGREGATE_PERIOD,
    AGGREGATE_SIZES,
    BACKFILL_SIZES,
    CAPACITY_SYNC,
    FLEET_AGGREGATIONS,
)
from sync_pipeline.orchestration.runtime.executors import console, executor_of, one_after_the_other
from sync_pipeline.orchestration.runtime.threaded_executor import DEADLINE_TAG
from sync_pipeline.settings import Settings

MAINTAIN_SIZES = "maintain_sizes"
SYNC_PRIORITY, DAILY_PRIORITY, BACKFILL_PRIORITY = 20, 10, -10
"""What leaves the queue first. A run that says nothing of it, as one of an asset, has 0."""


def build_account_sync(settings: Settings) -> dg.JobDefinition:
    """Return the job that syncs accounts."""
    return _instance_job(
        settings,
        ACCOUNT_SYNC,
        "Read the accounts and grants of every selected instance and record what changed. "
        "Everything empty in the launchpad: all active instances.",
        select_instances,
        sync_instance,
        priority=SYNC_PRIORITY,
    )


def build_capacity_sync(settings: Settings) -> dg.JobDefinition:
    """Return the job that collects sizes."""
    return _instance_job(
        settings,
        CAPACITY_SYNC,
        "Measure every database of the selected instances. A second collection of a date "
        "replaces the first. Everything empty in the launchpad: all active instances.",
        select_instances,
        collect_sizes,
        priority=SYNC_PRIORITY,
    )


def build_aggregate_sizes(settings: Settings) -> dg.JobDefinition:
    """Return the job that aggregates what is due today."""
    return _instance_job(
        settings,
        AGGREGATE_SIZES,
        "Wait for today's collection, then aggregate the running day, week, month and "
        "quarter to date, and close those that have ended.",
        select_due,
        aggregate_instance,
        priority=DAILY_PRIORITY,
        # Waiting for the collection is not work.
        more_seconds=settings.aggregation_wait_seconds,
    )


def build_period_job(
    settings: Settings, kind: PeriodType, partitions_def: dg.PartitionsDefinition[str]
) -> dg.JobDefinition:
    """Return the job that aggregates one period of a kind, a partition of it."""
    return _instance_job(
        settings,
        AGGREGATE_PERIOD[kind],
        f"Aggregate the sizes of one {kind} again. A whole range in one run: materialize it of "
        f"the asset {FLEET_AGGREGATIONS}/{kind}, or use `sync-pipeline backfill`.",
        select_partition,
        aggregate_instance,
        priority=BACKFILL_PRIORITY,
        partitions_def=partitions_def,
    )


def build_backfill_sizes(settings: Settings) -> dg.JobDefinition:
    """Return the job that aggregates a whole range of periods in one run."""
    return _instance_job(
        settings,
        BACKFILL_SIZES,
        "Aggregate every period of a kind between two days again, in one run.",
        select_range,
        aggregate_instance,
        priority=BACKFILL_PRIORITY,
    )


def build_maintain_sizes(settings: Settings) -> dg.JobDefinition:
    """Return the job that makes the partitions of the months to come and prunes old sizes."""

    @dg.job(
        name=MAINTAIN_SIZES,
        description="Make the store's partitions ahead, and prune sizes past their retention.",
        tags=_tags(settings.max_runtime_seconds, DAILY_PRIORITY),
        executor_def=one_after_the_other(),
        logger_defs={"console": console()},
    )
    def maintain_sizes() -> None:
        maintain()

    return maintain_sizes


def _instance_job(
    settings: Settings,
    name: str,
    description: str,
    select: dg.OpDefinition,
    work: dg.OpDefinition,
    *,
    priority: int,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
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
        partitions_def=partitions_def,
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
