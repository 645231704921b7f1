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
    with dagster_failures(context), pipeline.open() as deps:
        part = pipeline.part_of(context.instance, context.run)
        session = deps.store.sessions.get(part.session_id)
        if session is None:
            return
        shown = category_job(context.job_name).shown(deps, session)
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
