"""The steps that jobs share, and what the steps of instances have in common.

Annotations are not postponed here: Dagster reads them as types.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from sync_pipeline.model.instance import Instance
from sync_pipeline.orchestration.config import NO_CONFIG, SelectionConfig, SyncConfig
from sync_pipeline.orchestration.failures import dagster_failures, will_retry
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.limits import (
    await_start,
    await_turn,
    on_terms,
    skip_of,
    with_terms,
)
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.runs import (
    as_launched,
    category_of,
    new_session,
    reap_sessions,
)
from sync_pipeline.orchestration.selections import SYNC, Asked, chosen_instances, selected_for
from sync_pipeline.orchestration.tasks import InstanceTask, SelectedInstances
from sync_pipeline.orchestration.ticks import require_tick
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.recorded import InstanceWork


@dg.op(
    config_schema=SyncConfig.to_fields_dict(),
    description="Find the active instances that this run is asked to sync.",
)
def select_instances(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> SelectedInstances:
    """Resolve the launchpad's selection against the registry."""
    return select(context, SyncConfig, pipeline)


@dg.op(
    config_schema=NO_CONFIG,
    out=dg.DynamicOut(InstanceTask),
    description="Record the session and one pending record for every instance.",
)
def open_session(
    context: dg.OpExecutionContext, selected: SelectedInstances, pipeline: PipelineResource
) -> Iterator[dg.DynamicOutput[InstanceTask]]:
    """Close what earlier runs left open, then open this run's session."""
    with dagster_failures(context), pipeline.open() as deps:
        require_tick(context, pipeline, deps)
        for reaped in reap_sessions(context.instance, deps):
            context.log.warning("Closed session %s: %s", reaped.session.session_id, reaped.reason)
        part = pipeline.part_of(context.instance, context.run)
        instances = deps.store.registry.ever_by_ids([task.instance_id for task in selected.tasks])
        session = deps.store.sessions.open(
            new_session(context.run, part, selected.sync_type, selected.created_by),
            instances,
            deps.clock(),
            selected.nothing,
        )
        mine = selected.of_run(deps.store.sessions.pending_of(session.session_id, context.run_id))
        ids = {task.instance_id for task in mine.tasks}
        tasks = with_terms(context, deps, mine, [item for item in instances if item.id in ids])
    context.log.info(
        "Session %s: %d instances are pending, %d of them in this run, shard %s.",
        session.session_id,
        session.total,
        len(tasks),
        part.shard,
    )
    for task in tasks:
        yield dg.DynamicOutput(task, mapping_key=task.mapping_key)


def select(
    context: dg.OpExecutionContext,
    kind: type[SelectionConfig],
    pipeline: PipelineResource,
    asked: Asked = SYNC,
) -> SelectedInstances:
    """Return the instances that a run is asked for, and say how many they are."""
    with dagster_failures(context):
        config = kind.read(context.op_config)
        require_configured(context.instance)
        with pipeline.open() as deps:
            part = pipeline.part_of(context.instance, context.run)
            selected = selected_for(context.run, part, config, deps, asked)
    context.log.info("%d instances are selected.", len(selected.tasks))
    context.add_output_metadata({"instances": len(selected.tasks)})
    return selected


def join(context: dg.OpExecutionContext, pipeline: PipelineResource, deps: SyncDeps) -> None:
    """Open the session where none of the run's steps does: with the first of chosen ones."""
    run = context.run
    part = pipeline.part_of(context.instance, run)
    if not part.opens_itself:
        chosen = chosen_instances(part, deps)
        deps.store.sessions.open_once(as_launched(run, part), chosen, deps.clock())


def session_id_of(context: dg.OpExecutionContext) -> str:
    """Return the session of a step's run."""
    pipeline: PipelineResource = context.resources.pipeline
    return pipeline.part_of(context.instance, context.run).session_id


def work_on(
    context: dg.OpExecutionContext,
    deps: SyncDeps,
    instance: Instance,
    *,
    is_exclusive: bool = True,
    skip: Skip | None = None,
) -> InstanceWork:
    """Return the part of this run's session that an instance is."""
    pipeline: PipelineResource = context.resources.pipeline
    part = pipeline.part_of(context.instance, context.run)
    return InstanceWork(
        instance=instance,
        session_id=part.session_id,
        run_id=context.run_id,
        category=category_of(context.job_name),
        will_retry=will_retry(context, deps.settings),
        is_exclusive=is_exclusive,
        skip=skip,
        is_anew=part.repeated is not None,
    )


@contextmanager
def admitted(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> Iterator[tuple[SyncDeps, InstanceWork]]:
    """Give a step that reads an instance its work, when it may begin, or why it is left alone."""
    with dagster_failures(context), pipeline.open() as deps:
        join(context, pipeline, deps)
        yield deps, _admitted(context, deps, task)


def _admitted(context: dg.OpExecutionContext, deps: SyncDeps, task: InstanceTask) -> InstanceWork:
    instance = deps.store.registry.by_id(task.instance_id)
    if instance is None or not instance.is_active:
        reason = f"{task.name}: skipped, it was removed or deactivated since it was chosen."
        (chosen,) = deps.store.registry.ever_by_ids([task.instance_id])
        return work_on(context, deps, chosen, skip=Skip("configuration", reason))
    skip = skip_of(context, task)
    if skip is not None:
        return work_on(context, deps, instance, skip=skip)
    await_turn(context, deps, task, session_id_of(context))
    work = on_terms(context, deps, task, work_on(context, deps, instance))
    await_start(context, deps, work)
    return work
