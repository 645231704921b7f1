"""One look at the fleet's freshness: who is overdue, who must be told, and telling them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_pipeline.model.freshness import (
    FreshnessCheck,
    FreshnessView,
    Overdue,
    WatchKey,
    WatchState,
)
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.notify.channel import Channel
from sync_pipeline.notify.delivery import Delivery, deliver
from sync_pipeline.reconcile.freshness import news_of, next_states, told_after
from sync_pipeline.report.alerts import freshness_alert, trial_alert
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps

NOBODY: frozenset[WatchKey] = frozenset()


@dataclass(frozen=True, slots=True)
class FreshnessReport:
    """How many are overdue, and what became of the alerts; none: there was nothing to tell."""

    overdue: int
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class OverdueNow:
    """What was overdue at the last look, longest first, and when that was."""

    overdue: tuple[Overdue, ...]
    checks: tuple[FreshnessCheck, ...]


def watched_categories(settings: Settings) -> tuple[SyncCategory, ...]:
    """Return the categories whose freshness is watched."""
    return tuple(map(SyncCategory, settings.freshness_categories))


def check_freshness(
    deps: SyncDeps,
    limits: Mapping[SyncCategory, timedelta],
    channels: Sequence[Channel],
    muted: AbstractSet[int],
) -> FreshnessReport:
    """Find what is overdue, remember it, and tell each channel what it does not know.

    `limits` say how long a success counts; `muted` are ids of instances to leave alone. What
    was not delivered is told at the next look; a channel that knows is not told again,
    whatever becomes of the others.

    Raises:
        StoreUnavailable: nothing was sent, or what was sent is sent again at the next look.
    """
    now = deps.clock()
    view = deps.store.freshness.view(list(limits))
    states = next_states(view.watched, view.states, limits, muted, now)
    checks = [FreshnessCheck(category, limit, now) for category, limit in limits.items()]
    deps.store.freshness.save(view.states, states, checks)
    deliveries = _tell(deps, view, states, channels, now)
    return FreshnessReport(sum(state.is_stale for state in states.values()), deliveries)


def overdue_now(deps: SyncDeps) -> OverdueNow:
    """Return what the last look found overdue."""
    view = deps.store.freshness.view(watched_categories(deps.settings))
    return OverdueNow(news_of(view.watched, view.states, NOBODY).overdue, view.checks)


def try_channels(deps: SyncDeps, channels: Sequence[Channel]) -> tuple[Delivery, ...]:
    """Send every channel a test, and say what became of it."""
    alert = trial_alert(deps.clock())
    return deliver([(channel, alert) for channel in channels])


def _tell(
    deps: SyncDeps,
    view: FreshnessView,
    states: Mapping[WatchKey, WatchState],
    channels: Sequence[Channel],
    now: datetime,
) -> tuple[Delivery, ...]:
    told = {item.name: view.told.get(item.name, NOBODY) for item in channels}
    news = {name: news_of(view.watched, states, known) for name, known in told.items()}
    alerts = [
        (channel, freshness_alert(news[channel.name], now))
        for channel in channels
        if news[channel.name].is_worth_a_message
    ]
    deliveries = deliver(alerts)
    failed = {item.channel for item in deliveries if item.error is not None}
    for name, known in told.items():
        after = told_after(known, news[name], is_delivered=name not in failed)
        if after != known:
            deps.store.freshness.note_told(name, after - known, known - after, now)
    return deliveries
