"""What a run was asked for: which instances, and what to do with them.

A run's configuration, its tags and the store give the same answer whenever they are asked,
on any machine. A run that is executed again from its failure asks once more, so that
nothing that its steps handed over has to be kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

from dagster import DagsterRun

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Instance, Selection
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.model.shard import WHOLE
from sync_pipeline.model.text import first_names, shortened
from sync_pipeline.orchestration.config import BackfillConfig, SelectionConfig, SyncConfig
from sync_pipeline.orchestration.runs.lineage import Part
from sync_pipeline.orchestration.runs.runs import (
    ACCOUNT_SYNC,
    AGGREGATE_PERIOD,
    ASSET_JOB,
    BACKFILL_SIZES,
    CAPACITY_SYNC,
    FLEET_AGGREGATIONS,
    category_of,
    created_by,
    kind_of_asset,
    partitions_of_run,
    sync_type_of,
)
from sync_pipeline.orchestration.tasks import InstanceTask, SelectedInstances, tasks_of
from sync_pipeline.store.sessions.sessions import NO_INSTANCE
from sync_pipeline.visible import visible
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing import aggregation as aggregate_sizes
from sync_pipeline.workflows.syncing.aggregation import PeriodChoice

_CONFIG_OF_JOB: Mapping[str, type[SelectionConfig]] = {
    ACCOUNT_SYNC: SyncConfig,
    CAPACITY_SYNC: SyncConfig,
    BACKFILL_SIZES: BackfillConfig,
}
LONGEST_DAY = 32
NAMES_SHOWN = 5
_KIND_OF_JOB = {job: kind for kind, job in AGGREGATE_PERIOD.items()}


def config_of(job_name: str, values: object) -> SelectionConfig:
    """Return the configuration of a job's selection from the values that Dagster resolved.

    Raises:
        ConfigurationError: a value is not valid.
    """
    return _CONFIG_OF_JOB.get(job_name, SelectionConfig).read(values)


def selected_for(
    run: DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps
) -> SelectedInstances:
    """Return the instances that a run is asked for, each with its task.

    One that continues a session is asked for what that has not completed, one that repeats
    a shard of another session for the instances of that shard, and one of chosen steps for
    the instances of those steps.

    Raises:
        ConfigurationError: the selection names what does not exist, or periods that can't be.
    """
    if part.is_continued:
        left = deps.store.session_reads.left_of(part.session_id, part.shard.number)
        if left is not None:
            return _left(run, part, config, deps, left)
    found = _selected(run, part, config, deps)
    wanted = _wanted(part, deps)
    if wanted is None:
        return found
    return replace(found, tasks=tuple(t for t in found.tasks if t.instance_id in wanted))


def chosen_instances(part: Part, deps: SyncDeps) -> list[Instance]:
    """Return the instances of a run of chosen steps: of each step, or of all that it repeats."""
    ids: Collection[int] = part.only or ()
    if part.only is None and part.repeated is not None:
        repeated = part.repeated
        ids = deps.store.session_reads.of_shard(repeated.session_id, repeated.shard.number)
    return deps.store.registry.ever_by_ids(sorted(ids))


def _nothing(selection: Selection) -> str:
    """Return what a sync says that found no instance: what was asked for, which may be a slip."""
    asked = {
        "tag": selection.tags,
        "engine": selection.engines,
        "environment": selection.environments,
    }
    words = [
        f"{word} {visible(first_names(names[:NAMES_SHOWN], len(names)))!r}"
        for word, names in asked.items()
        if names
    ]
    if not words:
        return NO_INSTANCE
    return (
        f"No active instance matched the {' and the '.join(words)}, so there was nothing to sync. "
        "See: sync-pipeline instances list."
    )


def task_for(
    run: DagsterRun, config: SelectionConfig, deps: SyncDeps, instance_id: int
) -> InstanceTask:
    """Return the task of one instance, without the terms of the run that selected it.

    Raises:
        ConfigurationError: the periods can't be.
    """
    instances = deps.store.registry.ever_by_ids([instance_id])
    periods = _periods_of(run, config, today(deps))
    (task,) = tasks_of(instances, is_forced=_is_forced(config), periods=periods)
    return task


def _left(
    run: DagsterRun,
    part: Part,
    config: SelectionConfig,
    deps: SyncDeps,
    left: Sequence[tuple[int, str]],
) -> SelectedInstances:
    """Return what a session has left, whatever became of those instances since."""
    periods = _periods_of(run, config, today(deps))
    is_forced = _is_forced(config)
    return SelectedInstances(
        tasks=tuple(InstanceTask(key, name, is_forced, periods) for key, name in left),
        sync_type=sync_type_of(run, part, config.selection(), len(left)),
        created_by=created_by(run, part, config),
        always_probe=True,
    )


def _selected(
    run: DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps
) -> SelectedInstances:
    if category_of(run.job_name) is SyncCategory.AGGREGATION:
        return _to_aggregate(run, part, config, deps)
    selection = config.selection()
    instances = deps.store.registry.select(selection)
    is_forced = _is_forced(config)
    return SelectedInstances(
        tasks=tasks_of(instances, is_forced=is_forced),
        sync_type=sync_type_of(run, part, selection, len(instances)),
        created_by=created_by(run, part, config),
        nothing=_nothing(selection),
        always_probe=is_forced or part.only is not None or not selection.is_everything,
    )


def _wanted(part: Part, deps: SyncDeps) -> Collection[int] | None:
    """Return to which instances a run is bound besides its configuration; None: to none."""
    repeated = part.repeated
    if part.only is not None:
        return part.only
    if repeated is None or repeated.shard == WHOLE:
        return None
    return deps.store.session_reads.of_shard(repeated.session_id, repeated.shard.number)


def _to_aggregate(
    run: DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps
) -> SelectedInstances:
    selection = config.selection()
    choice = PeriodChoice(_periods_of(run, config, today(deps)))
    instances = aggregate_sizes.instances_to_aggregate(deps, selection, choice)
    return SelectedInstances(
        tasks=tasks_of(instances, periods=choice.periods),
        sync_type=sync_type_of(run, part, selection, len(instances)),
        created_by=created_by(run, part, config),
        nothing=aggregate_sizes.nothing_to_aggregate(choice),
    )


def _is_forced(config: SelectionConfig) -> bool:
    return isinstance(config, SyncConfig) and config.force


def _periods_of(run: DagsterRun, config: SelectionConfig, now: date) -> PeriodRange | None:
    """Return the periods to aggregate; None: those that are due, or a sync, which has none."""
    if isinstance(config, BackfillConfig):
        first, last = _day(config.first), _day(config.last)
        return aggregate_sizes.chosen_range(_period_type(config.period), first, last, now)
    kind = _KIND_OF_JOB.get(run.job_name) or kind_of_asset(run)
    if kind is None and run.job_name == ASSET_JOB:
        raise ConfigurationError(
            "The run names no aggregation, or more than one.",
            hint=f"Materialize one of the assets {FLEET_AGGREGATIONS}/…",
        )
    if kind is None:
        return None
    partitions = partitions_of_run(run)
    if partitions is None:
        raise ConfigurationError(
            f"The run names no {kind} to aggregate.", hint="Launch it from the Partitions tab."
        )
    first, last = map(_day, partitions)
    if run.job_name == ASSET_JOB:
        return aggregate_sizes.chosen_range(kind, first, last, now)
    period = Period.of(kind, first)
    return PeriodRange(period, period)


def _period_type(text: str) -> PeriodType:
    if text not in tuple(PeriodType):
        raise ConfigurationError(
            f"{text!r} is not a kind of period.", hint=f"Known are: {', '.join(PeriodType)}."
        )
    return PeriodType(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        shown = shortened(text, LONGEST_DAY)
        raise ConfigurationError(
            f"{shown!r} is not a date.", hint="Write it as 2026-01-31."
        ) from None
