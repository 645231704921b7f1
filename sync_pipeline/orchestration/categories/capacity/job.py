"""The job that collects sizes.

Annotations are not postponed here: Dagster reads them as types.
"""

import dagster as dg

from sync_pipeline.categories import CAPACITY
from sync_pipeline.orchestration.categories.job import CategoryJob
from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.metadata import (
    largest_of_fleet,
    size_materialization,
    size_metadata,
)
from sync_pipeline.orchestration.ops import admitted
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.tasks import InstanceTask
from sync_pipeline.workflows.syncing.sizes import sync_instance_sizes


@dg.op(
    config_schema=NO_CONFIG,
    out=dg.Out(dg.Nothing),
    description="Measure the databases of one instance.",
)
def collect_sizes(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> None:
    """Measure one instance; its record is written whatever happens."""
    with admitted(context, task, pipeline) as (deps, work):
        report = sync_instance_sizes(deps, work, is_forced=task.is_forced)
    context.log.info(report.message)
    context.add_output_metadata(size_metadata(report))
    if report.snapshot is not None and report.instance in pipeline.catalogued().names:
        context.log_event(size_materialization(report))


CAPACITY_JOB = CategoryJob(
    row=CAPACITY,
    description="Measure every database of the selected instances. A second collection of a date "
    "replaces the first. Everything empty in the launchpad: all active instances.",
    work=collect_sizes,
    shown=largest_of_fleet,
)
