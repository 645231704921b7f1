"""Mailing the reports: the sensor that sees which are due, and the job that sends them.

Annotations are not postponed here: Dagster reads them as types.
"""

import dagster as dg

from sync_pipeline.model.text import shortened
from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.failures import dagster_failures
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.runs import unfinished_run
from sync_pipeline.workflows.watching.due_reports import due_reports as reports_due

REPORT_JOB = "send_reports"
SECONDS_BETWEEN_LOOKS = 300
"""A report may be a few minutes late, and each look is more work of Dagster's than of ours."""
LONGEST = 500
"""Characters of what is said of one report."""


@dg.op(
    name="mail_reports",  # Dagster takes no op by the name of a job
    config_schema=NO_CONFIG,
    description="Mail the reports that are due, each once.",
)
def send_reports(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Send what is due, and say what was sent; what was not fails the run after all were tried."""
    # Not with the definitions: it brings threads, and of a process with threads none is forked.
    from sync_pipeline.workflows.watching.reports import send_due  # noqa: PLC0415

    told, failed = [], []
    with dagster_failures(context):
        require_configured(context.instance)
        with pipeline.open() as deps:
            for item in send_due(deps, reports_due(deps)):
                told.append(shortened(str(item), LONGEST))
                failed += [told[-1]] if item.error is not None else []
                context.log.log("INFO" if item.error is None else "ERROR", told[-1])
    context.add_output_metadata(
        {
            "reports sent": len(told) - len(failed),
            "reports not sent": len(failed),
            "outcome": "\n".join(told) or "Nothing was due.",
        }
    )
    if failed:
        raise dg.Failure(
            f"Reports were not sent, and are tried again: {'; '.join(failed)}", allow_retries=False
        )


@dg.sensor(
    job_name=REPORT_JOB,
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Mail the reports that are due.",
)
def due_reports(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run where a report is due. It is defined where a file of reports is set."""
    require_configured(context.instance)
    running = unfinished_run(context.instance, REPORT_JOB)
    if running is not None:
        return dg.SkipReason(f"Run {running.run_id} is sending.")
    with pipeline.open() as deps:
        found = reports_due(deps)
    if not found:
        return dg.SkipReason("No report is due.")
    # Without a key: a run that was killed is asked for again, and the store says who sends.
    return dg.RunRequest(tags={"reports": str(len(found))})
