"""How much of servers' answers the syncs of a process may hold at once."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sync_pipeline.engines.wire.budget import Budget
from sync_pipeline.settings import Settings, StepExecutor

SHARE = 4
"""Rows take about three times their bytes while accounts are made of them."""
_LEAST_BYTES = 64 * 2**20
_OF_CONTAINER = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Of version 2 and of version 1 (Linux, admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst)."""


def budget_of(settings: Settings, runs_at_once: int = 1) -> Budget:
    """Return what the syncs of one process may hold together.

    Where each instance has a process, a process has its part of what the run may hold. Runs of
    one session that are at work at once share the quarter that is one's by default.
    """
    most = settings.max_run_bytes or max(_LEAST_BYTES, memory_bytes() // SHARE // runs_at_once)
    if settings.executor is StepExecutor.MULTIPROCESS:
        most //= settings.effective_step_concurrency
    return Budget(most)


def memory_bytes() -> int:
    """Return the memory that this process may have: the machine's, or a limit that is less."""
    return min(_limits())


def _limits() -> Iterator[int]:
    yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield soft
    for path in _OF_CONTAINER:
        with suppress(OSError, ValueError):  # "max", or none
            yield int(path.read_text())
