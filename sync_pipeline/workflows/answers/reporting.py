"""Gathering what the report shows: of the fleet, or of what a team may see of it.

Each number is that of the command that answers the same. A part that can't be had says so in a
note, and costs the others nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.change import Baseline, ChangeType, LoggedChange
from sync_pipeline.model.freshness import Overdue
from sync_pipeline.model.instance import Instance, Selection
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.report import (
    ChangeNews,
    ClassTrend,
    FailedSession,
    FindingNews,
    FleetReport,
    ToldChange,
)
from sync_pipeline.workflows import selecting
from sync_pipeline.workflows.answers import findings
from sync_pipeline.workflows.answers.administrators import administrator_news
from sync_pipeline.workflows.answers.capacity_report import capacity_report
from sync_pipeline.workflows.answers.classification import account_classes
from sync_pipeline.workflows.answers.history import change_list, not_told
from sync_pipeline.workflows.dates import date_of, today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.watching.freshness import overdue_now

NEWS = timedelta(days=7)
"""What changed is told of this time, where none is asked for."""
CAPACITY_DAYS = 400
TREND_DAYS = 90
"""Days of the burn-down and of the classes: more where the report is of a longer time."""
FAILURES, MOST_FAILED = 20, 5000
FAILURES_OF_A_SESSION = 50
MOST_CHANGES = 5000
MOST_LINES = 20
"""Of one change of an account."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about: instances, since when something is new (UTC), and days of sizes.

    It `may_be_empty` where nobody is there to whom one could say that nothing is selected.
    """

    selection: Selection
    since: datetime
    days: int = CAPACITY_DAYS
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class _About:
    """The instances: those of now, and the ids of all there ever were; None: all."""

    live: tuple[Instance, ...]
    ids: tuple[int, ...] | None

    @property
    def is_limited(self) -> bool:
        """Return whether others are not to be told of."""
        return self.ids is not None


def fleet_report(deps: SyncDeps, asked: Asked) -> FleetReport:
    """Return the report.

    The statements are as many for 1,000 instances as for one; those on which accounts changed
    are read 32 at a time.

    Raises:
        ConfigurationError: what is selected is of no instance.
    """
    now = deps.clock()
    about, nobody = _about(deps, asked)
    wanted = ChangeFilter(
        instances=about.ids, since=asked.since, until=now, limit=MOST_CHANGES + 1, with_own=False
    )
    classes, notes = _classes(deps, about, asked.since)
    failures, failed = _failures(deps, about, asked.since)
    return FleetReport(
        generated_at=now,
        time_zone=deps.settings.time_zone,
        since=asked.since,
        until=now,
        capacity=capacity_report(deps, asked.days, about.ids),
        selection=asked.selection,
        instances=len(about.live),
        changes=_changes(deps, wanted),
        administrators=administrator_news(deps, about.live, asked.since),
        findings=_findings(deps, about, asked.since),
        classes=classes,
        overdue=_overdue(deps, about),
        failures=tuple(failures),
        failed_sessions=failed,
        notes=(*nobody, *not_told(deps.store, wanted), *notes),
    )


def _about(deps: SyncDeps, asked: Asked) -> tuple[_About, tuple[str, ...]]:
    """Return the instances, and why there are none where there may be none.

    Raises:
        ConfigurationError: what is selected is of no instance.
    """
    try:
        past = selecting.ever(deps.store, asked.selection)
        if past.unknown:
            raise ConfigurationError(past.unknown, hint="See: sync-pipeline instances list.")
    except ConfigurationError as error:
        if not asked.may_be_empty:
            raise
        return _About((), ()), (f"This report is empty. {error.message}",)
    there = [
        item
        for item in deps.store.registry.instances()
        if asked.selection.takes(item) and (item.is_active or item.name in asked.selection.names)
    ]
    return _About(tuple(there), past.ids), ()


def _changes(deps: SyncDeps, wanted: ChangeFilter) -> ChangeNews:
    """Return what changed. More than `MOST_CHANGES` are not counted."""
    found = change_list(deps.store, wanted)
    shown = found[:MOST_CHANGES]
    counts = Counter(item.change.change_type for item in shown if isinstance(item, LoggedChange))
    return ChangeNews(
        {kind: counts[kind] for kind in ChangeType if counts[kind]},
        tuple(map(_told, shown)),
        is_whole=len(found) <= MOST_CHANGES,
    )


def _told(entry: LoggedChange | Baseline) -> ToldChange:
    if isinstance(entry, Baseline):
        return ToldChange(entry.changed_at, entry.instance, "", None, (entry.line,))
    change = entry.change
    lines = change.lines[:MOST_LINES]
    more = len(change.lines) - len(lines)
    return ToldChange(
        entry.changed_at, entry.instance, change.account, change.change_type, lines, more
    )


def _findings(deps: SyncDeps, about: _About, since: datetime) -> FindingNews:
    limited = about.is_limited
    review = findings.review_or_reason(deps, about.live, is_limited=limited)
    days = _trend_days(deps, since)
    first = today(deps) - timedelta(days=days - 1)
    try:
        changes = findings.changes_since(deps, about.live, since, is_limited=limited)
        by_day = findings.trend(deps, about.live, days, is_limited=limited)
        before = findings.open_before(deps, about.live, days, is_limited=limited)
    except ConfigurationError:  # the review says it already
        return FindingNews(review)
    return FindingNews(review, tuple(changes), tuple(by_day), first, before)


def _trend_days(deps: SyncDeps, since: datetime) -> int:
    own = (today(deps) - date_of(since, deps.settings)).days + 1
    return max(own, TREND_DAYS)


def _classes(
    deps: SyncDeps, about: _About, since: datetime
) -> tuple[tuple[ClassTrend, ...], tuple[str, ...]]:
    """Return the classes of the file, by their order in it, and why there are none."""
    try:
        defined = account_classes(deps.settings)
    except ConfigurationError as error:
        # The file may name instances of others.
        why = "the classification file is not valid." if about.is_limited else str(error)
        return (), (f"The classes were not counted: {why}",)
    if not defined:
        return (), ()
    until = today(deps)
    first = until - timedelta(days=_trend_days(deps, since) - 1)
    present = {item.name: item for item in deps.store.classes.present(about.ids)}
    daily = deps.store.classes.daily(first, until, about.ids)
    return tuple(
        ClassTrend(
            item.name,
            item.description,
            present.get(item.name),
            tuple(count for count in daily if count.name == item.name),
        )
        for item in defined
    ), ()


def _overdue(deps: SyncDeps, about: _About) -> tuple[Overdue, ...]:
    found = overdue_now(deps).overdue
    if about.ids is None:
        return found
    own = frozenset(about.ids)
    return tuple(item for item in found if item.watched.instance_id in own)


def _failures(deps: SyncDeps, about: _About, since: datetime) -> tuple[list[FailedSession], int]:
    """Return the newest sessions of the time that did not go well, and how many there are.

    Where others are not to be told of, only their records of these instances: what a session says
    of itself may be of any.
    """
    every = deps.store.session_reads.not_well(since, MOST_FAILED, about.ids)
    newest = every[:FAILURES]
    failures = deps.store.session_reads.failures_of(
        [item.session_id for item in newest], FAILURES_OF_A_SESSION, instances=about.ids
    )
    told = [
        FailedSession(
            replace(item, error=None) if about.is_limited else item, failures[item.session_id]
        )
        for item in newest
    ]
    return told, len(every)
