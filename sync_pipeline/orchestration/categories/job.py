"""What Dagster needs of a category, besides its row in `sync_pipeline/categories.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

from sync_pipeline.categories import Category
from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.session import Session
from sync_pipeline.orchestration.config import SelectionConfig, SyncConfig
from sync_pipeline.orchestration.ops import select_instances
from sync_pipeline.orchestration.runs.lineage import Part
from sync_pipeline.orchestration.selections import SYNC, Asked
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps

SYNC_PRIORITY, DAILY_PRIORITY, BACKFILL_PRIORITY = 20, 10, -10
"""What leaves the queue first. A run that says nothing of it, as one of an asset, has 0."""

Shown = Callable[[SyncDeps, Session], Mapping[str, dg.MetadataValue]]
Events = Callable[
    [dg.DagsterRun, Part, SelectionConfig, SyncDeps], Iterable[dg.AssetMaterialization]
]


def _nothing(*_: object) -> Mapping[str, dg.MetadataValue]:
    return {}


def _no_events(*_: object) -> Iterable[dg.AssetMaterialization]:
    return ()


def _no_seconds(*_: object) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class MoreJob:
    """A job that leaves sessions of the category too, and has no schedule.

    With a `kind` it is the job of an asset, whose partitions are the periods of that kind, and the
    asset has its steps.
    """

    name: str
    description: str
    select: dg.OpDefinition = select_instances
    config: type[SelectionConfig] = SelectionConfig
    kind: PeriodType | None = None


@dataclass(frozen=True, slots=True)
class CategoryJob:
    """The job of a category: one step that selects, and one step for each instance.

    `work` is that step, `select` the one that selects with `config` in the launchpad, and
    `asked` how it finds what a run is asked for. `shown` is what the run says of a session that
    went well, besides its counts, and `events` what Dagster is told of it then. Waiting for
    something that is not the job's own work takes `more_seconds` than the longest run.
    """

    row: Category
    description: str
    work: dg.OpDefinition
    select: dg.OpDefinition = select_instances
    config: type[SelectionConfig] = SyncConfig
    asked: Asked = SYNC
    shown: Shown = _nothing
    events: Events = _no_events
    priority: int = SYNC_PRIORITY
    more_seconds: Callable[[Settings], int] = _no_seconds
    more_jobs: tuple[MoreJob, ...] = ()

    def config_of(self, job_name: str) -> type[SelectionConfig]:
        """Return what one of the category's jobs is configured with.

        In the job of assets that is nothing but which instances to take.
        """
        if job_name == self.row.job:
            return self.config
        found = (item.config for item in self.more_jobs if item.name == job_name)
        return next(found, SelectionConfig)
