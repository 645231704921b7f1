"""Which instances are overdue, and what each alert channel is to be told of it.

Both are levels, not events: a state follows from the last success and the state before,
and news are the difference between the states and what a channel was told. So a tick that
was missed, or a message that was not delivered, is made up for by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from sync_pipeline.model.freshness import (
    FRESH,
    News,
    Overdue,
    Quiet,
    Watched,
    WatchKey,
    WatchState,
)
from sync_pipeline.model.session import SyncCategory


def next_states(
    watched: Iterable[Watched],
    states: Mapping[WatchKey, WatchState],
    limits: Mapping[SyncCategory, timedelta],
    muted: AbstractSet[int],
    now: datetime,
) -> dict[WatchKey, WatchState]:
    """Return every state that is not `FRESH`, as of now.

    `limits` say how long a success counts; a category without one is not watched.
    Instances in `muted` (by id) are left alone: they don't become overdue, and the time
    until they are watched again doesn't count. Nor does the time of inactive ones.
    """
    found: dict[WatchKey, WatchState] = {}
    for item in watched:
        limit = limits.get(item.category)
        if limit is None:
            continue
        before = states.get(item.key, FRESH)
        after = _next(item, before, _quiet(item, muted), limit, now)
        if after != FRESH:
            found[item.key] = after
    return found


def news_of(
    watched: Iterable[Watched],
    states: Mapping[WatchKey, WatchState],
    told: AbstractSet[WatchKey],
) -> News:
    """Return what a channel that was told of `told` does not know, longest overdue first.

    An instance has recovered with a success after the last quiet time: the quiet itself is
    none. One that was removed or deactivated is forgotten without a word.
    """
    overdue: list[Overdue] = []
    recovered: list[Overdue] = []
    kept: set[WatchKey] = set()
    for item in watched:
        state = states.get(item.key, FRESH)
        if item.key not in told:
            if state.is_stale:
                overdue.append(Overdue(item, state.stale_since))
        elif state.quiet is not Quiet.INACTIVE:
            kept.add(item.key)
            if state == FRESH:
                recovered.append(Overdue(item))
    return News(
        overdue=tuple(sorted(overdue, key=lambda item: (str(item.stale_since), *_name(item)))),
        recovered=tuple(sorted(recovered, key=_name)),
        forgotten=frozenset(told - kept),
    )


def told_after(
    told: AbstractSet[WatchKey], news: News, *, is_delivered: bool
) -> frozenset[WatchKey]:
    """Return what a channel knows of, once its news were sent or were not."""
    known = told - news.forgotten
    if not is_delivered:
        return frozenset(known)
    recovered = {item.watched.key for item in news.recovered}
    return frozenset((known | {item.watched.key for item in news.overdue}) - recovered)


def untold(states: Mapping[WatchKey, WatchState], told: AbstractSet[WatchKey]) -> int:
    """Return how many news there are for a channel that was told of `told`."""
    overdue = sum(state.is_stale for key, state in states.items() if key not in told)
    return overdue + len(told - states.keys())


def _next(
    item: Watched, before: WatchState, quiet: Quiet | None, limit: timedelta, now: datetime
) -> WatchState:
    if quiet is Quiet.INACTIVE:
        return WatchState(quiet)
    counted_from = now if before.quiet and not quiet else before.counted_from
    last = item.last_success_at or item.created_at
    if counted_from is not None and counted_from <= last:
        counted_from = None
    if before.stale_since is not None:
        # Only a success ends it: the end of a quiet time is none.
        stale_since = before.stale_since if now - last > limit else None
        return WatchState(quiet, counted_from, stale_since)
    due_at = max(last, counted_from or last) + limit
    is_overdue = quiet is None and now > due_at
    return WatchState(quiet, counted_from, due_at if is_overdue else None)


def _quiet(item: Watched, muted: AbstractSet[int]) -> Quiet | None:
    if not item.is_active:
        return Quiet.INACTIVE
    return Quiet.MUTED if item.instance_id in muted else None


def _name(item: Overdue) -> tuple[str, str]:
    return item.watched.instance, str(item.watched.category)
