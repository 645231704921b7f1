"""The job that syncs accounts.

Annotations are not postponed here: Dagster reads them as types.
"""

from typing import cast

import dagster as dg

from sync_pipeline.categories import ACCOUNT
from sync_pipeline.orchestration.categories.account.events import account_events
from sync_pipeline.orchestration.categories.job import CategoryJob
from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.metadata import findings_of_session, report_metadata
from sync_pipeline.orchestration.ops import admitted
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.tasks import InstanceTask
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts


@dg.op(
    config_schema=NO_CONFIG,
    out=dg.Out(dg.Nothing),
    description="Sync the accounts of one instance.",
)
def sync_instance(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> None:
    """Sync one instance; its record is written whatever happens."""
    with admitted(context, task, pipeline) as (deps, work):
        report = sync_instance_accounts(deps, work, is_forced=task.is_forced)
    context.log.info(report.message)
    context.add_output_metadata(report_metadata(report))
    if report.instance in pipeline.catalogued().names:
        for event in account_events(report, deps.settings.console_url):
            # It takes the answer of a check too, which its annotation leaves out.
            context.log_event(cast("dg.AssetObservation", event))


ACCOUNT_JOB = CategoryJob(
    row=ACCOUNT,
    description="Read the accounts and grants of every selected instance and record what changed. "
    "Everything empty in the launchpad: all active instances.",
    work=sync_instance,
    shown=findings_of_session,
)
