"""Whether a scheduled collection of sizes is about to start."""

from __future__ import annotations

from datetime import datetime, timedelta

from dagster import DagsterInstance
from dagster._utils.schedules import schedule_execution_time_iterator

from sync_pipeline.categories import CAPACITY
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.orchestration.runs.runs import unfinished_run
from sync_pipeline.workflows.dependencies import SyncDeps

LONGEST_START = timedelta(minutes=5)
"""From a tick to a run in the queue. A collection whose schedule is off never starts."""


def is_collecting(instance: DagsterInstance, deps: SyncDeps) -> bool:
    """Return whether a collection of sizes is queued, at work, or due and not begun yet.

    Two ticks can fall at one instant: where clocks go forward at 03:00, Dagster moves a
    tick of 03:00 to 04:00. Then the daemon may start the aggregation first.
    """
    if unfinished_run(instance, CAPACITY.job) is not None:
        return True
    tick = last_tick(deps.settings.cron_of(CAPACITY), deps.settings.time_zone, deps.clock())
    is_recent = deps.clock() - tick <= LONGEST_START
    return is_recent and deps.store.sessions.newest(SyncCategory.CAPACITY, tick) is None


def last_tick(cron: str, time_zone: str, moment: datetime) -> datetime:
    """Return the newest tick of a cron line that is not after a moment (aware)."""
    ticks = schedule_execution_time_iterator(moment.timestamp(), cron, time_zone, ascending=False)
    return next(tick for tick in ticks if tick <= moment)
