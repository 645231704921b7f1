"""The fleet's instances as assets: their sizes over time, and what changed of their accounts.

And the day with which their partitions begin. The UI plots the numbers of materializations only
of assets that a code location defines.
The code server defines them, once; a run's processes reconstruct the location and leave them
out, because each step would pay for every instance.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date
from functools import cache

import dagster as dg
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from sync_pipeline.errors import SyncError
from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration.catalogued import (
    FINDINGS,
    Catalogued,
    accounts_key,
    aggregation_key,
    size_key,
)
from sync_pipeline.orchestration.markdown import cell
from sync_pipeline.orchestration.partitions import EARLIEST, partitions_of
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.settings import Settings

_LOG = logging.getLogger(__name__)
_CHECK = (
    "Nothing critical or high is found of the accounts. Syncs answer it where findings changed."
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the location takes from the store: names of instances, and which sizes it holds."""

    instances: Catalogued = field(default_factory=Catalogued)
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
            instances = Catalogued.of(deps)
            if settings.first_period is not None:  # it wins
                return Known(instances)
            sizes = deps.store.aggregations
            return Known(instances, sizes.oldest_size(), sizes.horizon())
    except SyncError as error:
        _LOG.warning("The instances are not shown as assets: %s", error)
        return Known()


@cache
def instance_assets(settings: Settings) -> tuple[dg.AssetSpec, ...]:
    """Return the assets of the registry's first instances by name."""
    found = known(Settings.load())
    days, *_ = of_kinds = [partitions_of(kind, settings, found.oldest) for kind in PeriodType]
    return (
        *(_sizes(name, days) for name in found.instances.names),
        *(_accounts(name) for name in found.instances.names),
        *(
            _aggregations(name, kind, periods)
            for name in found.instances.with_periods
            for kind, periods in zip(PeriodType, of_kinds, strict=True)
        ),
    )


@cache
def instance_checks() -> tuple[dg.AssetChecksDefinition, ...]:
    """Return the check of each instance's accounts, which a sync answers.

    Nobody can execute it: Dagster's UI offers that for a check that is by itself, and these are of
    one step. So a fleet of one instance has none.
    """
    names = known(Settings.load()).instances.names
    if len(names) <= 1:
        return ()
    # Of ours: Dagster would take names of instances for those of outputs, which are of few letters.
    outputs = {
        f"check_{number}": dg.AssetCheckSpec(FINDINGS, asset=accounts_key(name), description=_CHECK)
        for number, name in enumerate(names)
    }

    step = dg.OpDefinition(
        _refuse, "findings_of_instances", outs={name: dg.Out(dg.Nothing) for name in outputs}
    )
    checks = dg.AssetChecksDefinition.create(
        keys_by_input_name={},
        node_def=step,
        check_specs_by_output_name=outputs,
        can_subset=False,
    )
    return (checks,)


def _refuse(*step: object) -> None:  # noqa: ARG001 - as Dagster calls it
    raise dg.Failure("Syncs of accounts answer this check.", allow_retries=False)


def _sizes(instance: str, days: dg.TimeWindowPartitionsDefinition) -> dg.AssetSpec:
    return dg.AssetSpec(
        size_key(instance),
        description=f"The sizes of {cell(instance)}, measured daily.",
        group_name="sizes",
        partitions_def=days,
    )


def _accounts(instance: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        accounts_key(instance),
        description=f"The accounts of {cell(instance)}: what each sync found changed.",
        group_name="accounts",
    )


def _aggregations(
    instance: str, kind: PeriodType, periods: dg.TimeWindowPartitionsDefinition
) -> dg.AssetSpec:
    return dg.AssetSpec(
        aggregation_key(kind, instance),
        description=f"The sizes of {cell(instance)}, aggregated by {kind}.",
        group_name="size_aggregations",
        partitions_def=periods,
    )
