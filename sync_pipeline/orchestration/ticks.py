"""A tick of a schedule is carried out once, however many runs were made for it.

Annotations are not postponed here: Dagster reads them as types.
"""

from datetime import datetime

import dagster as dg

from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.runs import SCHEDULE_TAG, SUPERFLUOUS_TAG, TICK_TAG
from sync_pipeline.workflows.dependencies import SyncDeps


def tick_of(run: dg.DagsterRun) -> datetime | None:
    """Return the tick that a run was made for; None for any other, a re-execution too."""
    if run.parent_run_id is not None or SCHEDULE_TAG not in run.tags:
        return None
    try:
        found = datetime.fromisoformat(run.tags.get(TICK_TAG, ""))
    except ValueError:
        return None
    return found if found.tzinfo else None


def require_tick(
    context: dg.OpExecutionContext, pipeline: PipelineResource, deps: SyncDeps
) -> None:
    """Claim the tick that this run was made for.

    Two daemons with a storage each, or two that were at work at once, make two runs of one
    tick. The second one ends here, and leaves no session.

    Raises:
        Failure: another session carries it out.
    """
    run = context.run
    tick = tick_of(run)
    if tick is None:
        return
    own = pipeline.part_of(context.instance, run).session_id
    done_by = deps.store.ticks.claim(run.job_name, tick, own)
    if done_by != own:
        context.instance.add_run_tags(run.run_id, {SUPERFLUOUS_TAG: done_by})
        raise dg.Failure(
            f"The tick of {tick:%Y-%m-%d %H:%M} UTC is carried out by session {done_by}, which "
            "another daemon asked for. This run does nothing, and leaves no session.",
            allow_retries=False,
        )
