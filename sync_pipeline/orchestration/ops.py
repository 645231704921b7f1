"""The steps of `account_sync`: resources in, one workflow call, metadata out.

Annotations are not postponed here: Dagster reads them as types.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from sync_pipeline.model.session import RecordOutcome, RecordStatus, SyncType
from sync_pipeline.orchestration.config import AccountSyncConfig
from sync_pipeline.orchestration.failures import dagster_failures, will_retry
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.metadata import report_metadata
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs import (
    created_by,
    new_session,
    reap_sessions,
    session_id_of,
    sync_type_of,
)
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.sync_accounts import (
    AccountSyncReport,
    SyncOptions,
    sync_instance_accounts,
)

LONGEST_SLUG = 40


@dataclass(frozen=True, slots=True)
class InstanceTask:
    """What a step is told of the instance it syncs; it reads the rest itself."""

    instance_id: int
    name: str
    is_forced: bool

    @property
    def mapping_key(self) -> str:
        """Return a key that Dagster accepts for any name, readable and unique."""
        slug = re.sub(r"[^A-Za-z0-9]+", "_", self.name)[:LONGEST_SLUG].strip("_")
        return f"{slug}_i{self.instance_id}" if slug else f"i{self.instance_id}"


@dataclass(frozen=True, slots=True)
class SelectedInstances:
    """The selection of one run, as it was resolved."""

    tasks: tuple[InstanceTask, ...]
    sync_type: SyncType
    created_by: str | None


def instance_id_of(step_key: str) -> int | None:
    """Return the instance of a mapped step, from its key; None for any other step."""
    match = re.search(r"\[(?:.*_)?i(\d+)\]$", step_key)
    return int(match.group(1)) if match else None


@dg.op(description="Find the active instances that this run is asked to sync.")
def select_instances(
    context: dg.OpExecutionContext, config: AccountSyncConfig, pipeline: PipelineResource
) -> SelectedInstances:
    """Resolve the launchpad's selection against the registry."""
    with dagster_failures(context):
        require_configured(context.instance)
        with pipeline.open() as deps:
            selection = config.selection()
            instances = deps.store.registry.select(selection)
    context.log.info("%d active instances are selected.", len(instances))
    context.add_output_metadata({"instances": len(instances)})
    return SelectedInstances(
        tasks=tuple(InstanceTask(item.id, item.name, config.force) for item in instances),
        sync_type=sync_type_of(context.run, selection, len(instances)),
        created_by=created_by(context.run, config),
    )


@dg.op(
    out=dg.DynamicOut(InstanceTask),
    description="Record the session and one pending record for every instance.",
)
def open_session(
    context: dg.OpExecutionContext, selected: SelectedInstances, pipeline: PipelineResource
) -> Iterator[dg.DynamicOutput[InstanceTask]]:
    """Close what earlier runs left open, then open this run's session."""
    with dagster_failures(context), pipeline.open() as deps:
        for reaped in reap_sessions(context.instance, deps):
            context.log.warning("Closed session %s: %s", reaped.session.session_id, reaped.reason)
        known = {item.id: item for item in deps.store.registry.instances()}
        tasks = [task for task in selected.tasks if task.instance_id in known]
        session = deps.store.sessions.open(
            new_session(context.run, selected.sync_type, selected.created_by),
            [known[task.instance_id] for task in tasks],
            deps.clock(),
        )
    context.log.info("Session %s: %d instances are pending.", session.session_id, len(tasks))
    for task in tasks:
        yield dg.DynamicOutput(task, mapping_key=task.mapping_key)


@dg.op(description="Sync the accounts of one instance.")
def sync_instance(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> str:
    """Sync one instance; its record is written whatever happens."""
    with dagster_failures(context), pipeline.open() as deps:
        report = _sync(context, deps, task)
    context.log.info(report.message)
    context.add_output_metadata(report_metadata(report))
    return str(report.status)


@dg.op(description="Say how the session ended, where every instance went well.")
def finish_session(
    context: dg.OpExecutionContext, outcomes: list[str], pipeline: PipelineResource
) -> None:
    """Show the session's counts. The last record closed the session, not this step."""
    with dagster_failures(context), pipeline.open() as deps:
        session = deps.store.sessions.get(session_id_of(context.run))
    if session is None:
        return
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
    context.add_output_metadata(
        {
            "instances synced": len(outcomes),
            "completed": session.successful,
            "skipped": session.skipped,
            "status": str(session.status),
        }
    )


def _sync(context: dg.OpExecutionContext, deps: SyncDeps, task: InstanceTask) -> AccountSyncReport:
    session_id = session_id_of(context.run)
    instance = deps.store.registry.by_id(task.instance_id)
    if instance is None or not instance.is_active:
        return _skip_removed(deps, task, session_id, context.run_id)
    options = SyncOptions(is_forced=task.is_forced, will_retry=will_retry(context, deps.settings))
    return sync_instance_accounts(deps, instance, session_id, context.run_id, options)


def _skip_removed(
    deps: SyncDeps, task: InstanceTask, session_id: str, run_id: str
) -> AccountSyncReport:
    """Record as skipped an instance that somebody removed since the run began."""
    message = f"{task.name}: skipped, it was removed or deactivated during the run."
    claim = deps.store.sessions.claim(session_id, task.instance_id, run_id, deps.clock())
    outcome = RecordOutcome(RecordStatus.SKIPPED, error_kind="configuration", error_message=message)
    deps.store.sessions.finish(claim, outcome, deps.clock())
    return AccountSyncReport(task.name, RecordStatus.SKIPPED, message)
