"""The last step of every job: how the session ended.

Annotations are not postponed here: Dagster reads them as types.
"""

import dagster as dg

from sync_pipeline.orchestration.categories.registry import category_job
from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.failures import dagster_failures
from sync_pipeline.orchestration.metadata import session_metadata
from sync_pipeline.orchestration.resources import PipelineResource


@dg.op(
    config_schema=NO_CONFIG,
    ins={"instances": dg.In(dg.Nothing)},
    description="Say how the session ended, where every instance went well.",
)
def finish_session(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Show the session's counts. The last record closed the session, not this step."""
    finish(context, pipeline)


def finish(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Say how the session of a run ended, and log the events of what it did as a whole."""
    with dagster_failures(context), pipeline.open() as deps:
        part = pipeline.part_of(context.instance, context.run)
        session = deps.store.sessions.get(part.session_id)
        if session is None:
            return
        category = category_job(context.job_name)
        config = category.config_of(context.job_name).of_run(context.run)
        shown = category.shown(deps, session)
        events = list(category.events(context.run, part, config, deps))
    note = f" {session.error}" if session.error else ""
    context.log.info(
        "Session %s is %s: %d of %d instances completed, %d skipped.%s",
        session.session_id,
        session.status,
        session.successful,
        session.total,
        session.skipped,
        note,
    )
    context.add_output_metadata({**session_metadata(session), **shown})
    for event in events:
        context.log_event(event)
