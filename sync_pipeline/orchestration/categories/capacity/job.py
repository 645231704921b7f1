"""The job that collects sizes.

Annotations are not postponed here: Dagster reads them as types.
"""

import dagster as dg

from sync_pipeline.categories import CAPACITY
from sync_pipeline.orchestration.categories.job import CategoryJob
from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.failures import dagster_failures
from sync_pipeline.orchestration.limits import await_start
from sync_pipeline.orchestration.metadata import (
    largest_of_fleet,
    size_materialization,
    size_metadata,
)
from sync_pipeline.orchestration.ops import admitted, join, skipped
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.tasks import InstanceTask
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.sizes import SizeReport, sync_instance_sizes


@dg.op(
    config_schema=NO_CONFIG,
    out=dg.Out(dg.Nothing),
    description="Measure the databases of one instance.",
)
def collect_sizes(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> None:
    """Measure one instance; its record is written whatever happens."""
    with dagster_failures(context), pipeline.open() as deps:
        join(context, pipeline, deps)
        report = _collect(context, deps, task)
    context.log.info(report.message)
    context.add_output_metadata(size_metadata(report))
    if report.snapshot is not None:
        context.log_event(size_materialization(report))


def _collect(context: dg.OpExecutionContext, deps: SyncDeps, task: InstanceTask) -> SizeReport:
    work = admitted(context, deps, task)
    if isinstance(work, Skip):
        return SizeReport(*skipped(context, deps, task, work))
    await_start(context, deps, work)
    return sync_instance_sizes(deps, work, is_forced=task.is_forced)


CAPACITY_JOB = CategoryJob(
    row=CAPACITY,
    description="Measure every database of the selected instances. A second collection of a date "
    "replaces the first. Everything empty in the launchpad: all active instances.",
    work=collect_sizes,
    shown=largest_of_fleet,
)
