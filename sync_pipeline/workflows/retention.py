"""Retention: partitions of the daily sizes ahead, and the end of what is too old."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.news.rules import alerting_of

MONTHS_AHEAD = 3


CHANGES_AT_ONCE = 1000
"""Entries of the change log that one transaction deletes."""

LONGEST_PAUSE = 1.0
"""Seconds between two transactions, at most."""

SHARE_OF_RUN = 0.5
"""Of the longest run: after it the rest of the history is left to the next one."""


@dataclass(frozen=True, slots=True)
class Retained:
    """What was done: partitions made, and the date before which sizes are gone now."""

    made: tuple[str, ...]
    pruned_before: date | None
    message: str


def apply_retention(deps: SyncDeps) -> Retained:
    """Make the partitions of the months to come, and prune whole months past retention.

    Nothing is pruned while an aggregation runs: a backfill may need it.
    """
    now = today(deps)
    month = Period.of(PeriodType.MONTH, now)
    days = [month.start]
    for _ in range(MONTHS_AHEAD):
        month = month.next
        days.append(month.start)
    made = deps.store.sizes.prepare(days)
    oldest = now - timedelta(days=deps.settings.size_retention_days)
    keep_from = Period.of(PeriodType.MONTH, oldest).start
    running = deps.store.sessions.unfinished(SyncCategory.AGGREGATION)
    if running:
        ids = ", ".join(item.session_id for item in running)
        message = f"{len(made)} partitions made; nothing pruned while session {ids} aggregates."
        return Retained(made, None, message)
    pruned = deps.store.retention.prune(keep_from)
    if not pruned.rows and not pruned.partitions:
        return Retained(made, None, f"{len(made)} partitions made; nothing was old enough.")
    message = (
        f"{len(made)} partitions made; sizes before {keep_from} pruned: "
        f"{len(pruned.partitions)} partitions, {pruned.rows} rows."
    )
    return Retained(made, keep_from, message)


@dataclass(slots=True)
class PrunedHistory:
    """How much of the history was taken away, and whether nothing is left that is too old."""

    sessions: int = 0
    records: int = 0
    changes: int = 0
    findings: int = 0
    told: int = 0
    events: int = 0
    imported: int = 0
    is_all: bool = False

    @property
    def message(self) -> str:
        """Return it as a sentence."""
        rest = "" if self.is_all else " The next run goes on: there is more that is too old."
        imported = f" {self.imported} imported rows pruned." if self.imported else ""
        return (
            f"{self.sessions} sessions, {self.records} records, {self.changes} changes of "
            f"accounts, {self.findings} resolved findings, {self.events} events and {self.told} "
            f"told ones pruned.{imported}{rest}"
        )


class _Turns:
    """Small transactions one after the other, with as much time for others between them."""

    def __init__(self, seconds: float, pause: Callable[[float], None]) -> None:
        self._pause = pause
        self._began = self._ended = time.monotonic()
        self._until = self._began + seconds

    def next(self) -> bool:
        """Let others write; return whether there is time for one more."""
        now = time.monotonic()
        self._pause(min(now - self._ended, LONGEST_PAUSE))
        self._ended = time.monotonic()
        return self._ended < self._until


def prune_history(deps: SyncDeps, pause: Callable[[float], None] = time.sleep) -> PrunedHistory:
    """Take away sessions with their records, and changes of accounts, past their retention.

    In transactions that are small, each whole in itself: it may be ended at any time, and the
    next run goes on. Between two of them it waits for as long as the one took, so that syncs,
    which write to the same store, are not kept waiting.
    """
    turns = _Turns(deps.settings.max_runtime_seconds * SHARE_OF_RUN, pause)
    done = PrunedHistory()
    done.is_all = (
        _prune_changes(deps, turns, done)
        and _prune_findings(deps, turns, done)
        and _prune_sessions(deps, turns, done)
        and _prune_news(deps, turns, done)
        and _prune_imported(deps, turns, done)
    )
    return done


def _prune_changes(deps: SyncDeps, turns: _Turns, done: PrunedHistory) -> bool:
    kept = timedelta(days=deps.settings.change_retention_days)
    changes = deps.store.change_retention
    changes.move_horizon(deps.clock() - kept)
    for instance_id in changes.instances_to_prune():
        gone = CHANGES_AT_ONCE
        while gone == CHANGES_AT_ONCE:
            gone = changes.prune(instance_id, CHANGES_AT_ONCE)
            done.changes += gone
            if not turns.next():
                return False
    return True


def _prune_findings(deps: SyncDeps, turns: _Turns, done: PrunedHistory) -> bool:
    """Take away findings that were resolved before the changes that are kept."""
    before = deps.clock() - timedelta(days=deps.settings.change_retention_days)
    gone = CHANGES_AT_ONCE
    while gone == CHANGES_AT_ONCE:
        gone = deps.store.reviews.prune(before, CHANGES_AT_ONCE)
        done.findings += gone
        if not turns.next():
            return False
    return True


def _prune_sessions(deps: SyncDeps, turns: _Turns, done: PrunedHistory) -> bool:
    before = deps.clock() - timedelta(days=deps.settings.session_retention_days)
    found = deps.store.session_retention.prune(before)
    while not found.is_all:
        done.records += found.records
        done.sessions += found.sessions
        if not turns.next():
            return False
        found = deps.store.session_retention.prune(before, found.place)
    return True


def _prune_news(deps: SyncDeps, turns: _Turns, done: PrunedHistory) -> bool:
    """Take away what was told long ago, and then events that nothing is told of any more.

    Nothing while the file of alerts is not valid: nobody knows then which routes there are.
    """
    settings, now, pruned = deps.settings, deps.clock(), deps.store.news_retention
    told_before = now - timedelta(days=settings.alert_retention_days)
    events_before = now - timedelta(days=settings.event_retention_days)
    try:
        names = [item.name for item in alerting_of(settings).routes]
    except ConfigurationError:
        return True
    gone = 1
    while gone:
        gone = pruned.prune_told(told_before, names, CHANGES_AT_ONCE)
        done.told += gone
        if not turns.next():
            return False
    gone = 1
    while gone:
        gone = pruned.prune_events(events_before, CHANGES_AT_ONCE)
        done.events += gone
        if not turns.next():
            return False
    return True


def _prune_imported(deps: SyncDeps, turns: _Turns, done: PrunedHistory) -> bool:
    """Take away what was imported, when it is as old as what is kept of ours."""
    settings, now = deps.settings, deps.clock()
    sessions_before = now - timedelta(days=settings.session_retention_days)
    changes_before = now - timedelta(days=settings.change_retention_days)
    while gone := deps.store.imports.prune(sessions_before, changes_before, CHANGES_AT_ONCE):
        done.imported += gone
        if not turns.next():
            return False
    return True
