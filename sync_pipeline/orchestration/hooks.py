"""The safety net below each step: its instance's record never stays open.

The workflow writes the outcome itself. These hooks write one where it could not: the
store was away when the step failed, or a resource failed before the step began.
"""

import dagster as dg

from sync_pipeline.errors import SyncError
from sync_pipeline.orchestration.runs import session_id_of
from sync_pipeline.orchestration.tasks import instance_id_of

UNEXPECTED = "unexpected"


@dg.success_hook(required_resource_keys={"pipeline"})
def confirm_outcome(context: dg.HookContext) -> None:
    """Mark as failed a record that a successful step left open."""
    _close_record(context, UNEXPECTED, "The step ended without recording an outcome.")


@dg.failure_hook(required_resource_keys={"pipeline"})
def record_failure(context: dg.HookContext) -> None:
    """Mark as failed the record of a step that failed before it could do so itself."""
    error = context.op_exception
    cause = error.__cause__ if error else None
    kind = cause.kind if isinstance(cause, SyncError) else UNEXPECTED
    _close_record(context, kind, _message(error))


def _message(error: BaseException | None) -> str:
    if isinstance(error, dg.Failure) and error.description:
        return error.description
    return f"The step failed with {type(error).__name__}; see the run's log."


def _close_record(context: dg.HookContext, kind: str, message: str) -> None:
    instance_id = instance_id_of(context.step_key)
    run = context.instance.get_run_by_id(context.run_id)
    if instance_id is None or run is None:
        return
    with context.resources.pipeline.open() as deps:
        was_open = deps.store.sessions.fail_unfinished(
            session_id_of(run), instance_id, context.run_id, kind, message, deps.clock()
        )
    if was_open:
        context.log.warning("The record of %s was still open: %s", context.step_key, message)
