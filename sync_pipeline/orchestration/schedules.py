"""When jobs run by themselves, and over how many runs they do it.

Annotations are not postponed here: Dagster reads them as types.
"""

from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

import dagster as dg

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.shard import Shard, shard_count
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.lineage import SESSION_TAG, SHARD_TAG
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs import unfinished_run
from sync_pipeline.settings import Settings


def build_schedule(
    settings: Settings,
    job: dg.JobDefinition,
    cron: str,
    description: str,
    *,
    is_sharded: bool = False,
) -> dg.ScheduleDefinition:
    """Return a schedule that never lets two sessions of its job pile up.

    A sharded one asks for several runs of one session where the fleet is large.
    """

    @dg.schedule(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, pipeline: PipelineResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        require_configured(context.instance)
        running = unfinished_run(context.instance, job.name)
        if running is not None:
            return dg.SkipReason(
                f"Run {running.run_id} of {job.name} is still {running.status.value}."
            )
        count = _shards(context, pipeline, settings.instances_per_run) if is_sharded else 1
        return run_requests(job.name, context.scheduled_execution_time, count)

    return schedule


def run_requests(job_name: str, tick: datetime, count: int) -> list[dg.RunRequest]:
    """Return the runs of one tick: one, or as many as the session has shards.

    The session's id follows from the tick, so that a daemon that died among the requests
    and evaluates the tick again asks for the same runs.
    """
    if count == 1:
        return [dg.RunRequest()]
    session_id = str(uuid5(NAMESPACE_URL, f"{job_name}/{tick.isoformat()}/{count}"))
    shards = [Shard(number, count) for number in range(1, count + 1)]
    return [
        dg.RunRequest(
            run_key=f"{session_id}/{shard}",
            tags={SESSION_TAG: session_id, SHARD_TAG: str(shard)},
        )
        for shard in shards
    ]


def _shards(context: dg.ScheduleEvaluationContext, pipeline: PipelineResource, per_run: int) -> int:
    """Return how many runs the fleet takes. Without the store it is one, which says so."""
    if not per_run:
        return 1
    try:
        with pipeline.open() as deps:
            return shard_count(deps.store.registry.select(Selection()), per_run)
    except StoreUnavailable as error:
        context.log.warning("The fleet was not counted: %s", error)
        return 1
