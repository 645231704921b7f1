"""The steps of the aggregations: which periods, of which instances, and one instance.

Annotations are not postponed here: Dagster reads them as types.
"""

import time

import dagster as dg

from sync_pipeline.orchestration.categories.aggregation.due import is_collecting
from sync_pipeline.orchestration.categories.aggregation.periods import AGGREGATE
from sync_pipeline.orchestration.config import NO_CONFIG, BackfillConfig, SelectionConfig
from sync_pipeline.orchestration.failures import dagster_failures
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.metadata import (
    aggregation_materialization,
    aggregation_metadata,
)
from sync_pipeline.orchestration.ops import join, select, work_on
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.tasks import InstanceTask, SelectedInstances
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing import aggregation as aggregate_sizes
from sync_pipeline.workflows.syncing.aggregation import PeriodChoice

SECONDS_BETWEEN_LOOKS = 5.0


@dg.op(
    config_schema=SelectionConfig.to_fields_dict(),
    description="Wait for today's collection, then find the instances to aggregate.",
)
def select_due(context: dg.OpExecutionContext, pipeline: PipelineResource) -> SelectedInstances:
    """Choose what is due today: of each kind the running period and the one that ended."""
    with dagster_failures(context):
        require_configured(context.instance)
        with pipeline.open() as deps:
            _await_collection(context, deps)
    return select(context, SelectionConfig, pipeline, AGGREGATE)


@dg.op(
    config_schema=BackfillConfig.to_fields_dict(),
    description="Find the instances that have sizes in the periods to compute again.",
)
def select_range(context: dg.OpExecutionContext, pipeline: PipelineResource) -> SelectedInstances:
    """Choose a whole range of periods, for one run."""
    return select(context, BackfillConfig, pipeline, AGGREGATE)


@dg.op(
    config_schema=NO_CONFIG,
    out=dg.Out(dg.Nothing),
    description="Aggregate the sizes of one instance.",
)
def aggregate_instance(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> None:
    """Aggregate one instance, also one that was removed since; its record is written."""
    with dagster_failures(context), pipeline.open() as deps:
        join(context, pipeline, deps)
        instance = deps.store.registry.ever_by_ids([task.instance_id])[0]
        # No lease: runs of several periods may come at once. Each instance's writes take
        # turns in the store, and none depends on what another one wrote.
        work = work_on(context, deps, instance, is_exclusive=False)
        report = aggregate_sizes.aggregate_instance(deps, work, PeriodChoice(task.periods))
    context.log.info(report.message)
    context.add_output_metadata(aggregation_metadata(report))
    if report.instance in pipeline.catalogued().with_periods:
        for item in report.shown:
            context.log_event(aggregation_materialization(item))


def _await_collection(context: dg.OpExecutionContext, deps: SyncDeps) -> None:
    session, waited = aggregate_sizes.await_collection(
        deps,
        lambda: is_collecting(context.instance, deps),
        time.sleep,
        SECONDS_BETWEEN_LOOKS,
    )
    if session is None:
        context.log.warning("No sizes were collected today: today's periods lack a day.")
    elif not session.status.is_terminal:
        context.log.warning(
            "Session %s still collects after %.0f seconds; what it has not measured is missing "
            "until the next aggregation.",
            session.session_id,
            waited,
        )
