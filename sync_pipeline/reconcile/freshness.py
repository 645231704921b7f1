"""Which instances are overdue, and what is to be announced of it.

Both are levels: a state follows from the last success and the state before, and news are the
difference between the states and what was announced. So a look that was missed is made up for
by the next one. Who is told of what was announced, and that it arrives, is the outbox's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
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
    announced: AbstractSet[WatchKey],
) -> News:
    """Return what was not announced yet, longest overdue first.

    An instance has recovered with a success after the last quiet time: the quiet itself is
    none. One that was removed or deactivated is forgotten without a word.
    """
    overdue: list[Overdue] = []
    recovered: list[Overdue] = []
    kept: set[WatchKey] = set()
    for item in watched:
        state = states.get(item.key, FRESH)
        if item.key not in announced:
            if state.is_stale:
                overdue.append(Overdue(item, state.stale_since))
        elif state.quiet is not Quiet.INACTIVE:
            kept.add(item.key)
            if state == FRESH:
                recovered.append(Overdue(item))
    return News(
        overdue=tuple(sorted(overdue, key=lambda item: (str(item.stale_since), *_name(item)))),
        recovered=tuple(sorted(recovered, key=_name)),
        forgotten=frozenset(announced - kept),
    )


def events_of(
    news: News, states: Mapping[WatchKey, WatchState], now: datetime
) -> tuple[Event, ...]:
    """Return an event for each news. `states` are those of before.

    Before and after are times in ISO 8601: when it last succeeded (empty: never), and since when it
    is, or was, overdue.
    """
    overdue = [
        _event(
            EventKind.OVERDUE,
            item.watched,
            _iso(item.watched.last_success_at),
            _iso(item.stale_since),
            now,
        )
        for item in news.overdue
    ]
    recovered = [
        _event(
            EventKind.UP_TO_DATE,
            item.watched,
            _iso(states.get(item.watched.key, FRESH).stale_since),
            _iso(item.watched.last_success_at),
            now,
        )
        for item in news.recovered
    ]
    return (*overdue, *recovered)


def _event(kind: EventKind, watched: Watched, before: str, after: str, now: datetime) -> Event:
    return Event(
        kind=kind,
        severity=Severity.HIGH,
        instance_id=watched.instance_id,
        instance=watched.instance,
        occurred_at=now,
        subject=str(watched.category),
        before=before,
        after=after,
    )


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


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
