"""The safety net below each step: its instance's record never stays open.

The workflow writes the outcome itself. This hook writes one where it could not: the store
was away when the step failed, or a resource failed before the step began. It is one hook for
both ends of a step, because each hook leaves an event at each step.
"""

from collections.abc import Sequence

import dagster as dg

from sync_pipeline.errors import SyncError
from sync_pipeline.model.session import UNEXPECTED
from sync_pipeline.orchestration.tasks import instance_id_of

NAME = "close_record"


def _close_record(
    context: dg.HookContext, events: Sequence[dg.DagsterEvent]
) -> dg.HookExecutionResult:
    """Fail a record that is still open at the end of its step; a retry is none."""
    instance_id = instance_id_of(context.step_key)
    if instance_id is None or not any(map(_is_end, events)):
        return dg.HookExecutionResult(NAME, is_skipped=True)
    with context.resources.pipeline.open() as deps:
        session_id = context.resources.pipeline.session_of(context.instance, context.run_id)
        if deps.store.sessions.is_open(session_id, instance_id):
            kind, message = _reason(context.op_exception)
            deps.store.sessions.fail_unfinished(
                session_id, instance_id, context.run_id, kind, message, deps.clock()
            )
            context.log.warning("The record of %s was still open: %s", context.step_key, message)
    return dg.HookExecutionResult(NAME)


def _is_end(event: dg.DagsterEvent) -> bool:
    return event.is_step_success or event.is_step_failure


def _reason(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return UNEXPECTED, "The step ended without recording an outcome."
    cause = error.__cause__
    kind = cause.kind if isinstance(cause, SyncError) else UNEXPECTED
    if isinstance(error, dg.Failure) and error.description:
        return kind, error.description
    return kind, f"The step failed with {type(error).__name__}; see the run's log."


close_record = dg.HookDefinition(
    name=NAME, hook_fn=_close_record, required_resource_keys={"pipeline"}
)
