"""The fleet's instances as assets, so that Dagster's UI plots their sizes over time.

And the day with which their partitions begin. The UI plots the numbers of materializations only
of assets that a code location defines.
The code server defines them, once; a run's processes reconstruct the location and leave them
out, because each step would pay for every instance.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from functools import cache

import dagster as dg
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from sync_pipeline.errors import SyncError
from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.markdown import cell
from sync_pipeline.orchestration.partitions import EARLIEST, partitions_of
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.settings import Settings

_LOG = logging.getLogger(__name__)
MOST_INSTANCES = 200
"""Five assets an instance. Beyond this the catalog of the UI would be slow for everybody, and
Dagster's daemon asks for all of them again each minute, also of a system that is idle."""


def size_key(instance: str) -> dg.AssetKey:
    """Return the asset of an instance's daily sizes."""
    return dg.AssetKey(["sizes", instance])


def aggregation_key(kind: PeriodType, instance: str) -> dg.AssetKey:
    """Return the asset of an instance's aggregations of one kind of period."""
    return dg.AssetKey(["size_aggregations", str(kind), instance])


@dataclass(frozen=True, slots=True)
class Known:
    """What the location takes from the store: names of instances, and which sizes it holds."""

    names: tuple[str, ...] = ()
    oldest: date | None = None
    pruned_before: date = date.min

    def computable(self, kind: PeriodType, settings: Settings) -> dg.TimeWindowPartitionsDefinition:
        """Return the periods of a kind that can be aggregated."""
        return partitions_of(kind, settings, self.oldest, self.pruned_before)


@cache
def known(settings: Settings) -> Known:
    """Return what the store held when this process first loaded the location.

    The first call in a process decides: a code server initialises the location and then
    reconstructs it, the processes of a run only reconstruct it. Those ask the store nothing:
    they are told their partitions, from wherever these begin. A store that does not answer
    leaves the assets out, and periods begin where sizes could: the jobs must load without it.
    """
    if DefinitionsLoadContext.get().load_type is DefinitionsLoadType.RECONSTRUCTION:
        return Known(oldest=EARLIEST)
    try:
        with open_dependencies() as deps:
            names = tuple(deps.store.registry.first_names(MOST_INSTANCES))
            if settings.first_period is not None:  # it wins
                return Known(names)
            sizes = deps.store.aggregations
            return Known(names, sizes.oldest_size(), sizes.horizon())
    except SyncError as error:
        _LOG.warning("The instances are not shown as assets: %s", error)
        return Known()


@cache
def instance_assets(settings: Settings) -> tuple[dg.AssetSpec, ...]:
    """Return the assets of the registry's first instances by name."""
    found = known(Settings.load())
    return tuple(spec for name in found.names for spec in _specs(name, settings, found.oldest))


def _specs(instance: str, settings: Settings, oldest: date | None) -> list[dg.AssetSpec]:
    days = partitions_of(PeriodType.DAY, settings, oldest)
    sizes = dg.AssetSpec(
        size_key(instance),
        description=f"The sizes of {cell(instance)}, measured daily.",
        group_name="sizes",
        partitions_def=days,
    )
    aggregations = [
        dg.AssetSpec(
            aggregation_key(kind, instance),
            description=f"The sizes of {cell(instance)}, aggregated by {kind}.",
            group_name="size_aggregations",
            partitions_def=partitions_of(kind, settings, oldest),
        )
        for kind in PeriodType
    ]
    return [sizes, *aggregations]
