"""One look at the fleet's freshness: who is overdue, and what is announced of it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from sync_pipeline.model.freshness import FreshnessCheck, Overdue, WatchKey
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.reconcile.freshness import events_of, news_of, next_states
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps

NOTHING: frozenset[WatchKey] = frozenset()


@dataclass(frozen=True, slots=True)
class OverdueNow:
    """What was overdue at the last look, longest first, and when that was."""

    overdue: tuple[Overdue, ...]
    checks: tuple[FreshnessCheck, ...]


def watched_categories(settings: Settings) -> tuple[SyncCategory, ...]:
    """Return the categories whose freshness is watched."""
    return tuple(map(SyncCategory, settings.freshness_categories))


def check_freshness(
    deps: SyncDeps, limits: Mapping[SyncCategory, timedelta], muted: AbstractSet[int]
) -> int:
    """Find what is overdue, remember it, and return how much it is.

    `limits` say how long a success counts; `muted` are ids of instances to leave alone. What is
    overdue, or is not any more, becomes an event once, with the states in one transaction: the
    outbox tells it.

    Raises:
        StoreUnavailable: nothing was written; the next look finds the same.
    """
    now = deps.clock()
    view = deps.store.freshness.view(list(limits))
    states = next_states(view.watched, view.states, limits, muted, now)
    checks = [FreshnessCheck(category, limit, now) for category, limit in limits.items()]
    news = news_of(view.watched, states, view.announced)
    ended = {item.watched.key for item in news.recovered} | news.forgotten
    deps.store.freshness.save(
        view.states,
        states,
        checks,
        events=events_of(news, view.states, now),
        unannounced=ended,
    )
    return sum(state.is_stale for state in states.values())


def overdue_now(deps: SyncDeps) -> OverdueNow:
    """Return what the last look found overdue."""
    view = deps.store.freshness.view(watched_categories(deps.settings))
    return OverdueNow(news_of(view.watched, view.states, NOTHING).overdue, view.checks)
