"""When jobs run by themselves."""

import dagster as dg

from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.runs import ACCOUNT_SYNC, unfinished_run
from sync_pipeline.settings import Settings


def build_account_sync_schedule(settings: Settings, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule of the account sync, which never lets two runs pile up."""

    @dg.schedule(
        name=f"{ACCOUNT_SYNC}_schedule",
        job=job,
        cron_schedule=settings.account_sync_cron,
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Sync the accounts of all active instances.",
    )
    def account_sync_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        require_configured(context.instance)
        running = unfinished_run(context.instance, ACCOUNT_SYNC)
        if running is not None:
            return dg.SkipReason(
                f"Run {running.run_id} of {ACCOUNT_SYNC} is still {running.status.value}."
            )
        return dg.RunRequest()

    return account_sync_schedule
