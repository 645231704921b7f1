"""When jobs run by themselves."""

import dagster as dg

from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.runs import unfinished_run
from sync_pipeline.settings import Settings


def build_schedule(
    settings: Settings, job: dg.JobDefinition, cron: str, description: str
) -> dg.ScheduleDefinition:
    """Return a schedule that never lets two runs of its job pile up."""

    @dg.schedule(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        require_configured(context.instance)
        running = unfinished_run(context.instance, job.name)
        if running is not None:
            return dg.SkipReason(
                f"Run {running.run_id} of {job.name} is still {running.status.value}."
            )
        return dg.RunRequest()

    return schedule
