"""The step of the job that prunes.

Annotations are not postponed here: Dagster reads them as types.
"""

import dagster as dg

from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.failures import dagster_failures
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.ticks import require_tick
from sync_pipeline.workflows.retention import apply_retention, prune_history


@dg.op(
    name="maintain",  # as it was called: runs of before can be executed again
    config_schema=NO_CONFIG,
    description="Make partitions ahead; prune sizes, sessions and changes past their retention.",
)
def prune_sizes(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Apply the retention and say what was done."""
    with dagster_failures(context):
        require_configured(context.instance)
        with pipeline.open() as deps:
            require_tick(context, pipeline, deps)
            done = apply_retention(deps)
            context.log.info(done.message)
            history = prune_history(deps)
    context.log.info(history.message)
    context.add_output_metadata(
        {
            "partitions made": len(done.made),
            "pruned before": str(done.pruned_before or ""),
            "sessions pruned": history.sessions,
            "records pruned": history.records,
            "changes pruned": history.changes,
            "events pruned": history.events,
            "outcome": f"{done.message} {history.message}",
        }
    )
