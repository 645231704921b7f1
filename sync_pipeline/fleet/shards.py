"""Over how many runs a scheduled session of a fleet is spread."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sync_pipeline.model.instance import Instance
from sync_pipeline.model.shard import shard_count
from sync_pipeline.settings import Settings, StepExecutor

MOST_OF_A_RUN = 2000
LEAST_OF_A_RUN = 250
"""Fewer save less time by a run of their own than the CPU of its start is worth."""
MOST_AT_ONCE = 3
"""Runs of one session that `dagster.yaml` lets work at once."""
_QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1 = (
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


def runs_of(settings: Settings, instances: Sequence[Instance], cores: int | None = None) -> int:
    """Return how many runs a session takes: as the setting says, or what the cores can do.

    The threads of a run share one interpreter, which works on one core. `cores` are those of
    this machine where they are not given.
    """
    if settings.instances_per_run is not None:
        return shard_count(instances, settings.instances_per_run)
    at_once = 1
    if settings.executor is StepExecutor.THREADED:
        at_once = min(cores or usable_cores(), MOST_AT_ONCE, len(instances) // LEAST_OF_A_RUN)
    per_run = MOST_OF_A_RUN
    if at_once > 1:
        per_run = min(per_run, -(-len(instances) // at_once))
    return shard_count(instances, per_run)


def usable_cores() -> int:
    """Return how many cores this process may use: a container's limit is rounded down."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([found or 1, *_quotas()]))


def _quotas() -> list[int]:
    """Return the cores that limits of the control group are worth (Linux, cgroup-v2.rst)."""
    found = []
    with suppress(OSError, ValueError):  # "max", or none
        quota, period = map(int, _QUOTA_V2.read_text().split())
        found.append(quota // period)
    with suppress(OSError, ValueError):
        quota, period = (int(path.read_text()) for path in _QUOTA_V1)
        if quota > 0 < period:
            found.append(quota // period)
    return found
