"""What an aggregation was asked for: which periods, and which instances have sizes in them."""

from __future__ import annotations

from datetime import date

from dagster import DagsterRun

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.text import shortened
from sync_pipeline.orchestration.config import BackfillConfig, SelectionConfig
from sync_pipeline.orchestration.runs.lineage import Part
from sync_pipeline.orchestration.runs.runs import (
    AGGREGATE_PERIOD,
    ASSET_JOB,
    FLEET_AGGREGATIONS,
    created_by,
    kind_of_asset,
    partitions_of_run,
    sync_type_of,
)
from sync_pipeline.orchestration.selections import Asked
from sync_pipeline.orchestration.tasks import SelectedInstances, tasks_of
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing import aggregation as aggregate_sizes
from sync_pipeline.workflows.syncing.aggregation import PeriodChoice

LONGEST_DAY = 32
_KIND_OF_JOB = {job: kind for kind, job in AGGREGATE_PERIOD.items()}


def _to_aggregate(
    run: DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps
) -> SelectedInstances:
    selection = config.selection()
    choice = PeriodChoice(_periods_of(run, config, deps))
    instances = aggregate_sizes.instances_to_aggregate(deps, selection, choice)
    return SelectedInstances(
        tasks=tasks_of(instances, periods=choice.periods),
        sync_type=sync_type_of(run, part, selection, len(instances)),
        created_by=created_by(run, part, config),
        nothing=aggregate_sizes.nothing_to_aggregate(choice),
    )


def _periods_of(run: DagsterRun, config: SelectionConfig, deps: SyncDeps) -> PeriodRange | None:
    """Return the periods to aggregate; None: those that are due."""
    now = today(deps)
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
    return aggregate_sizes.chosen_range(kind, first, last, now)


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


AGGREGATE = Asked(_to_aggregate, _periods_of)
