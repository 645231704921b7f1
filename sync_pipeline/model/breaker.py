"""When an instance that is not reached is tried again: rarely, and by itself. All pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sync_pipeline.model.session import SyncCategory

MOST_DOUBLINGS = 32
RUN_DIED = "run_ended"
"""The kind of a failure that was no error: the run ended while it was at work."""
OUT_OF_MEMORY = "memory"
"""The kind of a failure for want of memory, which may be what the server sent."""

REJECTED = "authentication"
"""The kind of a failure because the server rejected what it was sent for a login."""


class Reach(StrEnum):
    """What the end of a record says about the way to its server."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    UNKNOWN = "unknown"


_REACH_OF_KIND = {
    "connect": Reach.NOT_REACHED,
    REJECTED: Reach.NOT_REACHED,
    "query_timeout": Reach.NOT_REACHED,
    OUT_OF_MEMORY: Reach.NOT_REACHED,
    "privilege": Reach.REACHED,
    "query": Reach.REACHED,
    "result_limit": Reach.REACHED,
    "server_limit": Reach.REACHED,
    "suspicious_snapshot": Reach.REACHED,
    "unsupported_server": Reach.REACHED,
}


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """From how many failures in a row on an instance is tried less often; 0: never."""

    failures: int
    first_wait_seconds: float
    longest_wait_seconds: float


@dataclass(frozen=True, slots=True)
class Streak:
    """How often in a row the syncs of one category did not reach an instance.

    A run that died while it was at work on the instance counts too (`RUN_DIED`), and one that
    had no memory left for it (`OUT_OF_MEMORY`): it may have been the instance's doing.
    """

    instance_id: int
    category: SyncCategory
    failures: int
    last_failed_at: datetime
    error_kind: str
    error_message: str

    @property
    def is_suspect(self) -> bool:
        """Return whether the last run that was at work on it died or had no memory left."""
        return self.error_kind in (RUN_DIED, OUT_OF_MEMORY)


def reach_of(error_kind: str | None) -> Reach:
    """Return what a record's error says, None: it completed.

    What went wrong on our side (the store, a limit, the run's own end) says nothing.
    """
    return Reach.REACHED if error_kind is None else _REACH_OF_KIND.get(error_kind, Reach.UNKNOWN)


def wait_seconds(failures: int, limits: BreakerLimits) -> float:
    """Return how long the next try waits after so many failures in a row; 0: it does not."""
    if not limits.failures or failures < limits.failures:
        return 0
    doublings = min(failures - limits.failures, MOST_DOUBLINGS)
    return min(limits.first_wait_seconds * 2.0**doublings, limits.longest_wait_seconds)


def next_probe_at(streak: Streak, limits: BreakerLimits, now: datetime) -> datetime | None:
    """Return when an instance is tried again, None: it may be now.

    A failure that lies in the future, because a clock was set back, holds nothing up.
    """
    wait = wait_seconds(streak.failures, limits)
    due = streak.last_failed_at + timedelta(seconds=wait)
    return due if streak.last_failed_at <= now < due else None
