"""Whether instances are synced as often as they should be, and what was announced of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sync_pipeline.model.session import SyncCategory

WatchKey = tuple[int, SyncCategory]
"""One category of one instance, by its id."""


class Quiet(StrEnum):
    """Why an instance is not watched now."""

    MUTED = "muted"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Watched:
    """One category of an instance: when it last succeeded. Times are UTC."""

    instance_id: int
    instance: str
    category: SyncCategory
    created_at: datetime
    last_success_at: datetime | None
    is_active: bool = True

    @property
    def key(self) -> WatchKey:
        """Return what the states are kept by."""
        return self.instance_id, self.category


@dataclass(frozen=True, slots=True)
class WatchState:
    """What is remembered of one category of an instance; nothing: it is fresh.

    `stale_since` is when its time was up. Time before `counted_from` doesn't count: the
    instance was quiet until then.
    """

    quiet: Quiet | None = None
    counted_from: datetime | None = None
    stale_since: datetime | None = None

    @property
    def is_stale(self) -> bool:
        """Return whether it is overdue and people should know."""
        return self.stale_since is not None and self.quiet is None


FRESH = WatchState()


@dataclass(frozen=True, slots=True)
class Overdue:
    """One category of an instance that is overdue, or was and is not any more."""

    watched: Watched
    stale_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What was not announced yet; `forgotten` needs no message."""

    overdue: tuple[Overdue, ...] = ()
    recovered: tuple[Overdue, ...] = ()
    forgotten: frozenset[WatchKey] = frozenset()


@dataclass(frozen=True, slots=True)
class FreshnessCheck:
    """The last look at a category: when (UTC), and how long a success counts."""

    category: SyncCategory
    limit: timedelta
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class FreshnessView:
    """Everything that a decision needs: the fleet, the states, and what was announced."""

    watched: tuple[Watched, ...]
    states: Mapping[WatchKey, WatchState] = field(default_factory=dict)
    announced: frozenset[WatchKey] = frozenset()
    checks: tuple[FreshnessCheck, ...] = ()
