"""When jobs run by themselves, and over how many runs they do it.

Annotations are not postponed here: Dagster reads them as types.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import dagster as dg

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.fleet.shards import runs_of
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.shard import Shard
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG
from sync_pipeline.orchestration.runs.runs import SCHEDULE_TAG, TICK_TAG, unfinished_run
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
        tick = context.scheduled_execution_time
        begun = runs_of_tick(context.instance, f"{job.name}_schedule", tick)
        if begun:
            return requests_again(begun)
        running = unfinished_run(context.instance, job.name)
        if running is not None:
            return dg.SkipReason(
                f"Run {running.run_id} of {job.name} is still {running.status.value}."
            )
        done_by = _done_by(context, pipeline, job.name)
        if done_by is not None:
            return dg.SkipReason(f"Session {done_by} carries this tick out.")
        count = _shards(context, pipeline, settings) if is_sharded else 1
        return run_requests(job.name, tick, count)

    return schedule


def run_requests(job_name: str, tick: datetime, count: int) -> list[dg.RunRequest]:
    """Return the runs of one tick: one, or as many as the session has shards.

    The session's id follows from the tick, so that a daemon that died among the requests
    and evaluates the tick again asks for the same runs.
    """
    if count == 1:
        return [dg.RunRequest()]
    session_id = str(uuid5(NAMESPACE_URL, f"{job_name}/{tick.isoformat()}/{count}"))
    return _requests_of_shards(session_id, count)


def runs_of_tick(
    instance: dg.DagsterInstance, schedule_name: str, tick: datetime
) -> list[dg.DagsterRun]:
    """Return the runs that a tick has already, of a daemon that died before it was done."""
    tags = {SCHEDULE_TAG: schedule_name, TICK_TAG: tick.astimezone(UTC).isoformat()}
    return list(instance.get_runs(dg.RunsFilter(tags=tags)))


def requests_again(begun: Sequence[dg.DagsterRun]) -> list[dg.RunRequest]:
    """Return all runs of a tick that has some of them: Dagster makes those that are missing.

    How many there are was decided when the first was made, whatever the fleet is by now.
    """
    for run in begun:
        shard = Shard.parse(run.tags.get(SHARD_TAG, ""))
        if shard is not None and SESSION_TAG in run.tags:
            return _requests_of_shards(run.tags[SESSION_TAG], shard.count)
    return [dg.RunRequest()]


def _requests_of_shards(session_id: str, count: int) -> list[dg.RunRequest]:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    return [
        dg.RunRequest(
            run_key=f"{session_id}/{shard}",
            tags={SESSION_TAG: session_id, SHARD_TAG: str(shard)},
        )
        for shard in shards
    ]


def _done_by(
    context: dg.ScheduleEvaluationContext, pipeline: PipelineResource, job_name: str
) -> str | None:
    """Return the session that carries the tick out, of a daemon with a storage of its own."""
    try:
        with pipeline.open() as deps:
            return deps.store.ticks.done_by(job_name, context.scheduled_execution_time)
    except StoreUnavailable as error:
        context.log.warning("Who carries this tick out was not asked: %s", error)
        return None


def _shards(
    context: dg.ScheduleEvaluationContext, pipeline: PipelineResource, settings: Settings
) -> int:
    """Return how many runs the fleet takes. Without the store it is one, which says so."""
    if settings.instances_per_run == 0:
        return 1
    try:
        with pipeline.open() as deps:
            return runs_of(settings, deps.store.registry.select(Selection()))
    except StoreUnavailable as error:
        context.log.warning("The fleet was not counted: %s", error)
        return 1
