"""What Dagster's pages of partitions say of the aggregations: one event a period of the fleet.

Whoever computes periods says so here: a run of an asset, the daily run, `sync-pipeline backfill`.
What was computed before there were such events, or by a run that was killed before it said so, is
found by comparing the store with what Dagster knows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from sync_pipeline.model.aggregation import FleetPeriod
from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.orchestration.categories.aggregation.periods import AGGREGATE
from sync_pipeline.orchestration.config import SelectionConfig
from sync_pipeline.orchestration.partitions import partitions_of
from sync_pipeline.orchestration.runs.lineage import Part
from sync_pipeline.orchestration.runs.runs import fleet_key
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

MOST_AT_ONCE = 100
"""Periods of a kind of which one look tells Dagster."""
FROM_STORE = "Found in the store; no event of the run that computed it was left."


@dataclass(frozen=True, slots=True)
class Told:
    """Of how many periods a look told Dagster; `is_more`: it knows nothing yet of others."""

    count: int = 0
    is_more: bool = False


def period_materialization(found: FleetPeriod, description: str = "") -> dg.AssetMaterialization:
    """Return the event that a period of the whole fleet is aggregated, with numbers to plot."""
    numbers = {"instances": found.instances, "last bytes": found.last_bytes}
    return dg.AssetMaterialization(
        asset_key=fleet_key(found.period.type),
        partition=found.period.start.isoformat(),
        description=description or None,
        # Of an integer the UI plots no more than 2^31.
        metadata={
            name: dg.MetadataValue.float(float(number))
            for name, number in numbers.items()
            if number is not None
        },
    )


def computed_by(
    run: dg.DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each period that a run has computed, all instances of which went well.

    Where only some instances were chosen, a period counts if no other one is left out of it, and of
    what was due if there is anything in it.
    """
    chosen = AGGREGATE.periods(run, config, deps)
    is_all = chosen is not None and part.only is None and config.selection().is_everything
    for found in deps.store.periods.fleet(list(chosen) if chosen else _due(deps)):
        if is_all or (found.is_whole and found.instances):
            yield period_materialization(found)


def tell_missing(instance: dg.DagsterInstance, deps: SyncDeps) -> Told:
    """Tell Dagster of whole periods that the store has and its pages call missing.

    Of very many it is told of some, by chance, so that those that are not whole, of which it is
    told nothing, hold up no others for ever.
    """
    told = [_tell_missing(instance, deps, kind) for kind in PeriodType]
    return Told(sum(item.count for item in told), any(item.is_more for item in told))


def _tell_missing(instance: dg.DagsterInstance, deps: SyncDeps, kind: PeriodType) -> Told:
    missing = _missing(instance, deps, kind)
    chosen = missing
    if len(missing) > MOST_AT_ONCE:
        chosen = random.sample(missing, MOST_AT_ONCE)
    whole = [item for item in deps.store.periods.fleet(sorted(chosen)) if item.is_whole]
    for found in whole:
        instance.report_runless_asset_event(period_materialization(found, FROM_STORE))
    return Told(len(whole), len(chosen) < len(missing))


def _missing(instance: dg.DagsterInstance, deps: SyncDeps, kind: PeriodType) -> Sequence[Period]:
    """Return the periods that are offered and in the store, and that Dagster knows nothing of."""
    sizes = deps.store.aggregations
    offered = partitions_of(kind, deps.settings, sizes.oldest_size(), sizes.horizon())
    end = Period.of(kind, today(deps)).end
    held = deps.store.periods.held(kind, offered.start.date(), end)
    if not held:
        return []
    known = instance.get_materialized_partitions(fleet_key(kind))
    return [Period(kind, day) for day in held if day.isoformat() not in known]


def _due(deps: SyncDeps) -> list[Period]:
    """Return what the daily run always computes; older ones that it caught up are found later."""
    running = [Period.of(kind, today(deps)) for kind in PeriodType]
    return [period for item in running for period in (item.previous, item)]
