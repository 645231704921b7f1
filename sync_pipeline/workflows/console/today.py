"""What a DBA looks at in the morning: a constant number of questions, whatever the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.access.findings.review import is_suppressed
from sync_pipeline.categories import CATEGORIES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.causes import Cause, causes_of
from sync_pipeline.model.change_page import ChangeLine
from sync_pipeline.model.finding import Finding, Severity, counts_of
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.page import InstanceQuestion, InstanceState, Place, SessionQuestion
from sync_pipeline.model.session import Session, SyncCategory
from sync_pipeline.model.size import TopDatabase
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.answers.finding_rules import finding_rules
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.console.changes import ChangeAnswers, ChangeCounts
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import held_by_breaker

YESTERDAY = timedelta(hours=24)
GROWTH_DAYS = 7
MOST_CHANGES = 12
MOST_CAUSES = 10
MOST_GROWING = 5
MOST_LIMITS = 5
MOST_FORECASTS = 20
"""Limits that are looked at: of those that people set the fullest, and the databases that grow."""
MOST_FINDINGS = 2000
_Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class NewFindings:
    """What was found since yesterday: counts by severity, and the worst of the causes.

    `is_whole`: all were counted.
    """

    counts: Mapping[Severity, int] = field(default_factory=lambda: counts_of(()))
    causes: tuple[Cause, ...] = ()
    notes: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def total(self) -> int:
        """Return how many findings they are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class TodayAnswer:
    """A fleet this morning: `since` (UTC) is the moment from which on something is new.

    `sessions` are the last ones, by category; None: there was none.
    """

    since: datetime
    instances: int
    states: Mapping[InstanceState, int]
    counts: ChangeCounts
    changes: tuple[ChangeLine, ...]
    findings: NewFindings
    growing: tuple[TopDatabase, ...]
    limits: tuple[Growth, ...]
    sessions: tuple[tuple[SyncCategory, Session | None], ...]

    @property
    def was_synced(self) -> bool:
        """Return whether there was ever a session."""
        return any(session is not None for _, session in self.sessions)


class TodayAnswers:
    """What is new in the instances of a reach."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._deps = deps
        self._store = deps.store
        self._reach = reach
        self._changes = ChangeAnswers(deps, reach)

    def all(self) -> TodayAnswer:
        """Return all of it."""
        now = self._deps.clock()
        since = now - YESTERDAY
        windows = self._store.maintenance.active(now)
        held = list(held_by_breaker(self._deps))
        count, states = self._store.overview.states(self._reach, windows, held)
        growing = self._growing()
        return TodayAnswer(
            since,
            count,
            states,
            self._changes.counts(since),
            self._changes.foremost(since, MOST_CHANGES),
            self._new_findings(since),
            tuple(growing[:MOST_GROWING]),
            tuple(self._limits(growing)),
            tuple(self._sessions()),
        )

    def _new_findings(self, since: datetime) -> NewFindings:
        try:
            rules = finding_rules(self._deps.settings)
            live = tuple(rules.in_force(today(self._deps)))
            most = MOST_FINDINGS + 1
            found = [
                (item, of_fleet)
                for item, of_fleet in self._store.overview.new_findings(
                    self._reach, since, rules.disabled, most
                )
                if not any(is_suppressed(item, one) for one in live)
            ]
            causes = self._causes(found, since)
        except ConfigurationError as error:
            return NewFindings(notes=(f"The findings were not evaluated: {error}",))
        counts = counts_of([item for item, _ in found])
        return NewFindings(counts, causes, is_whole=len(found) < most)

    def _causes(self, found: Sequence[tuple[Finding, bool]], since: datetime) -> tuple[Cause, ...]:
        """Return the worst causes of new findings: of few instances the reviews are looked at."""
        of_fleet = [item for item, is_of_fleet in found if is_of_fleet]
        single = [item for item, is_of_fleet in found if not is_of_fleet]
        names = list(dict.fromkeys(item.instance for item in single))[:MOST_CAUSES]
        chosen = self._store.instance_pages.chosen(
            self._reach, InstanceQuestion(names=tuple(names)), MOST_CAUSES
        )
        is_limited = not self._reach.is_everything
        review = review_of(self._deps, chosen if names else (), is_limited=is_limited)
        # Who has the same name elsewhere is compared over all instances, and not over these.
        own = [item for item in review.findings if item.rule != uneven.id]
        new = {(item.instance, item.account, item.rule) for item in single}
        causes = [
            cause
            for cause in causes_of([*own, *of_fleet], review.suppressed)
            if any(
                (item.instance, item.account, item.rule) in new or item.rule == uneven.id
                for item in cause.findings
                if item.first_seen is not None and item.first_seen >= since
            )
        ]
        return tuple(causes[:MOST_CAUSES])

    def _growing(self) -> list[TopDatabase]:
        return capacity.top_databases(
            self._deps,
            by_growth=True,
            limit=MOST_FORECASTS,
            days=GROWTH_DAYS,
            instances=self._store.overview.ids(self._reach),
        )

    def _limits(self, growing: Sequence[TopDatabase]) -> Sequence[Growth]:
        """Return what reaches a limit first, as the forecast has it."""
        now, since = today(self._deps), capacity.window_start(self._deps)
        recent = now - timedelta(days=capacity.RECENT_DAYS)
        full = self._store.overview.fullest(self._reach, recent, MOST_FORECASTS)
        limits = capacity.configured_limits(self._deps)
        keys = [(item.instance, item.database) for item in full if item.database]
        keys += [(item.instance, item.database) for item in growing]
        points = self._store.fleet_sizes.totals_of(since, now, dict.fromkeys(keys))
        whole = tuple(item.instance for item in full if not item.database)
        found = [capacity.growth_of(own, limits) for own in points.values()]
        found += self._of_instances(whole, limits)
        near = [item for item in found if item is not None and item.days_until_limit is not None]
        return sorted(near, key=_soonest)[:MOST_LIMITS]

    def _of_instances(
        self, names: tuple[str, ...], limits: Mapping[_Subject, int]
    ) -> list[Growth | None]:
        question = InstanceQuestion(names=names or ("",))
        chosen = self._store.instance_pages.chosen(self._reach, question, MOST_FORECASTS)
        ids = tuple(item.id for item in chosen)
        now, since = today(self._deps), capacity.window_start(self._deps)
        with self._store.fleet_sizes.totals(since, now, instances=ids) as points:
            return [capacity.growth_of(own, limits) for own in capacity.subjects(points)]

    def _sessions(self) -> list[tuple[SyncCategory, Session | None]]:
        found: list[tuple[SyncCategory, Session | None]] = []
        for name in CATEGORIES:
            category = SyncCategory(name)
            question = SessionQuestion(category)
            page = self._store.session_pages.page(self._reach, question, Place(1))
            found.append((category, page.items[0] if page.items else None))
        return found


def _soonest(item: Growth) -> tuple[float, str, str]:
    return item.days_until_limit or 0.0, item.instance, item.database
