"""Which instances are assets, and by which keys.

Events of an instance are left for those alone: of any other one nobody would see them, and each key
makes a line of the UI's catalog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import dagster as dg

from sync_pipeline.model.period import PeriodType
from sync_pipeline.workflows.dependencies import SyncDeps

MOST_INSTANCES = 2_000
"""Two assets and a check an instance. What more of them would cost is in ADR 0065."""
MOST_WITH_PERIODS = 200
"""Four assets more an instance, of which each daily run leaves eight events an instance."""
FINDINGS = "findings"
"""The check of what is found of an instance's accounts."""


def size_key(instance: str) -> dg.AssetKey:
    """Return the asset of an instance's daily sizes."""
    return dg.AssetKey(["sizes", instance])


def accounts_key(instance: str) -> dg.AssetKey:
    """Return the asset of an instance's accounts."""
    return dg.AssetKey(["accounts", instance])


def aggregation_key(kind: PeriodType, instance: str) -> dg.AssetKey:
    """Return the asset of an instance's aggregations of one kind of period."""
    return dg.AssetKey(["size_aggregations", str(kind), instance])


@dataclass(frozen=True, slots=True)
class Catalogued:
    """The instances that are assets: the first by name of those that are registered."""

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, deps: SyncDeps) -> Self:
        """Return those of the registry as it is now; the code server may have loaded it before."""
        return cls(tuple(deps.store.registry.first_names(MOST_INSTANCES)))

    @property
    def with_periods(self) -> tuple[str, ...]:
        """Return those whose aggregations are assets, too."""
        return self.names[:MOST_WITH_PERIODS]
