"""The aggregations of the whole fleet as assets, so that a range from the UI is one run.

Dagster makes a run a partition of a job. Of an asset with this policy it makes one run for
each unbroken range: the one session, with one record an instance, of `sync-pipeline backfill`.

Annotations are not postponed here: Dagster reads them as types.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.categories.aggregation.periods import AGGREGATE
from sync_pipeline.orchestration.categories.aggregation.steps import aggregate_instance
from sync_pipeline.orchestration.config import NO_CONFIG, SELECT_INSTANCES, SelectionConfig
from sync_pipeline.orchestration.finish import finish
from sync_pipeline.orchestration.hooks import close_record
from sync_pipeline.orchestration.ops import open_session, select
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.runs import fleet_key
from sync_pipeline.orchestration.runtime.threaded_executor import DEADLINE_TAG
from sync_pipeline.orchestration.tasks import SelectedInstances
from sync_pipeline.settings import Settings

LONGEST_TAG = "dagster/max_runtime"
FINISH_SESSION = "finish_session"
"""The last step, by the name that it has in every job."""


@dg.op(
    config_schema=SelectionConfig.to_fields_dict(),
    description="Find the instances that have sizes in the periods of the partitions.",
)
def select_partitions(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> SelectedInstances:
    """Choose the periods from the first partition to the last, and give the run its limit.

    Dagster makes a job of assets itself, which has no tags; ours have them.
    """
    if LONGEST_TAG not in context.run.tags:
        longest = Settings.load().max_runtime_seconds
        context.instance.add_run_tags(context.run_id, {LONGEST_TAG: str(longest)})
    return select(context, SelectionConfig, pipeline, AGGREGATE)


@dg.op(
    config_schema=NO_CONFIG,
    ins={"instances": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing, is_required=False),
    description="Say how the session ended, and which partitions are computed.",
)
def finish_partitions(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.Output[None]]:
    """Leave an event for each partition, as every run that computes periods does.

    There is no output, of which Dagster would make events by itself: for every partition of the
    run, also where a person chose a few instances, and with the same numbers for all.
    """
    finish(context, pipeline)
    yield from ()


def build_fleet_aggregations(
    settings: Settings, kind: PeriodType, partitions_def: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the asset of the fleet's aggregations of one kind of period."""

    @dg.graph(
        name=f"fleet_aggregations_{kind}",
        description=f"The sizes of all instances, aggregated by {kind}. Materialize a range of "
        "partitions to compute it again: it is one run.",
    )
    def instances() -> Any:
        selected = select_partitions.alias(SELECT_INSTANCES)()
        timed = aggregate_instance.tag({DEADLINE_TAG: str(settings.step_deadline_seconds)})
        watched = timed.with_hooks({close_record})
        last: Any = finish_partitions.alias(FINISH_SESSION)
        return last(instances=open_session(selected).map(watched).collect())

    return dg.AssetsDefinition.from_graph(
        instances,
        keys_by_output_name={"result": fleet_key(kind)},
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="fleet_aggregations",
    )
