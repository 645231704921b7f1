"""What a run was asked for: which instances, and what to do with them.

A run's configuration, its tags and the store give the same answer whenever they are asked,
on any machine. A run that is executed again from its failure asks once more, so that
nothing that its steps handed over has to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from dagster import DagsterRun

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.model.text import shortened
from sync_pipeline.orchestration.config import BackfillConfig, SelectionConfig, SyncConfig
from sync_pipeline.orchestration.runs import (
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
from sync_pipeline.workflows import aggregate_sizes
from sync_pipeline.workflows.aggregate_sizes import PeriodChoice
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

_CONFIG_OF_JOB: Mapping[str, type[SelectionConfig]] = {
    ACCOUNT_SYNC: SyncConfig,
    CAPACITY_SYNC: SyncConfig,
    BACKFILL_SIZES: BackfillConfig,
}
LONGEST_DAY = 32
_KIND_OF_JOB = {job: kind for kind, job in AGGREGATE_PERIOD.items()}


def config_of(job_name: str, values: object) -> SelectionConfig:
    """Return the configuration of a job's selection from the values that Dagster resolved.

    Raises:
        ConfigurationError: a value is not valid.
    """
    return _CONFIG_OF_JOB.get(job_name, SelectionConfig).read(values)


def selected_for(run: DagsterRun, config: SelectionConfig, deps: SyncDeps) -> SelectedInstances:
    """Return the instances that a run is asked for, each with its task.

    Raises:
        ConfigurationError: the selection names what does not exist, or periods that can't be.
    """
    if category_of(run.job_name) is SyncCategory.AGGREGATION:
        return _to_aggregate(run, config, deps)
    selection = config.selection()
    instances = deps.store.registry.select(selection)
    is_forced = _is_forced(config)
    return SelectedInstances(
        tasks=tasks_of(instances, is_forced=is_forced),
        sync_type=sync_type_of(run, selection, len(instances)),
        created_by=created_by(run, config),
        always_probe=is_forced or not selection.is_everything,
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


def _to_aggregate(run: DagsterRun, config: SelectionConfig, deps: SyncDeps) -> SelectedInstances:
    selection = config.selection()
    choice = PeriodChoice(_periods_of(run, config, today(deps)))
    instances = aggregate_sizes.instances_to_aggregate(deps, selection, choice)
    return SelectedInstances(
        tasks=tasks_of(instances, periods=choice.periods),
        sync_type=sync_type_of(run, selection, len(instances)),
        created_by=created_by(run, config),
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
