"""The fleet's instances as assets, so that Dagster's UI plots their sizes over time.

The UI plots the numbers of materializations only of assets that a code location defines.
The code server defines them, once; a run's processes reconstruct the location and leave them
out, because each step would pay for every instance.
"""

from __future__ import annotations

import logging
from functools import cache

import dagster as dg
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from sync_pipeline.errors import SyncError
from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.markdown import cell
from sync_pipeline.orchestration.partitions import partitions_of
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.settings import Settings

_LOG = logging.getLogger(__name__)
MOST_INSTANCES = 500
"""Five assets an instance: beyond this the catalog of the UI would be slow for everybody."""


def size_key(instance: str) -> dg.AssetKey:
    """Return the asset of an instance's daily sizes."""
    return dg.AssetKey(["sizes", instance])


def aggregation_key(kind: PeriodType, instance: str) -> dg.AssetKey:
    """Return the asset of an instance's aggregations of one kind of period."""
    return dg.AssetKey(["size_aggregations", str(kind), instance])


@cache
def instance_assets(settings: Settings) -> tuple[dg.AssetSpec, ...]:
    """Return the assets of the registry's first instances by name.

    The first call in a process decides: a code server initialises the location and then
    reconstructs it, the processes of a run only reconstruct it. A store that does not answer
    leaves the assets out: the jobs must load without it.
    """
    if DefinitionsLoadContext.get().load_type is DefinitionsLoadType.RECONSTRUCTION:
        return ()
    try:
        with open_dependencies() as deps:
            names = deps.store.registry.first_names(MOST_INSTANCES)
    except SyncError as error:
        _LOG.warning("The instances are not shown as assets: %s", error)
        return ()
    return tuple(spec for name in names for spec in _specs(name, settings))


def _specs(instance: str, settings: Settings) -> list[dg.AssetSpec]:
    days = partitions_of(PeriodType.DAY, settings)
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
            partitions_def=partitions_of(kind, settings),
        )
        for kind in PeriodType
    ]
    return [sizes, *aggregations]
