"""What a DBA looks at in the morning: a constant number of questions, whatever the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync_pipeline.access.findings.accepted import Accepting
from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.categories import CATEGORIES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.causes import Cause, causes_of
from sync_pipeline.model.change_page import ChangeLine
from sync_pipeline.model.finding import Finding, Severity, counts_of
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.page import InstanceQuestion, InstanceState, Place, SessionQuestion
from sync_pipeline.model.session import Session, SyncCategory
from sync_pipeline.model.standing import StandingOrder, Subjects
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.answers.finding_rules import finding_rules
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.console.capacity import (
    MOST_FORECASTS,
    CapacityAnswers,
    FleetQuestion,
    StandingNow,
)
from sync_pipeline.workflows.console.changes import ChangeAnswers, ChangeCounts
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import held_by_breaker

YESTERDAY = timedelta(hours=24)
MOST_CHANGES = 12
MOST_CAUSES = 10
MOST_GROWING = 5
MOST_LIMITS = 5
MOST_FINDINGS = 2000


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
    growing: tuple[StandingNow, ...]
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
        self._capacity = CapacityAnswers(deps, reach)

    def all(self) -> TodayAnswer:
        """Return all of it."""
        now = self._deps.clock()
        # Of one minute, so that all who look in it are told the same by the same reads.
        since = (now - YESTERDAY).replace(second=0, microsecond=0)
        windows = self._store.maintenance.active(now)
        held = list(held_by_breaker(self._deps))
        count, states = self._store.overview.states(self._reach, windows, held)
        return TodayAnswer(
            since,
            count,
            states,
            self._changes.counts(since),
            self._changes.foremost(since, MOST_CHANGES),
            self._new_findings(since),
            self._growing(),
            tuple(self._limits()),
            tuple(self._sessions()),
        )

    def _new_findings(self, since: datetime) -> NewFindings:
        try:
            rules = finding_rules(self._deps)
            accepting = Accepting.by(rules.in_force(today(self._deps)))
            most = MOST_FINDINGS + 1
            found = [
                (item, of_fleet)
                for item, of_fleet in self._store.overview.new_findings(
                    self._reach, since, rules.disabled, most
                )
                if not accepting.accepts(item)
            ]
            causes = self._causes(found, since)
        except ConfigurationError as error:
            # The file may name instances of others.
            why = f": {error}" if self._reach.is_everything else "."
            return NewFindings(notes=(f"The findings were not evaluated{why}",))
        counts = counts_of([item for item, _ in found])
        return NewFindings(counts, causes, is_whole=len(found) < most)

    def _causes(self, found: Sequence[tuple[Finding, bool]], since: datetime) -> tuple[Cause, ...]:
        """Return the worst causes of new findings: of few instances the reviews are looked at."""
        if not found:
            return ()
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

    def _growing(self) -> tuple[StandingNow, ...]:
        """Return the databases that grew most in the last week that ended."""
        asked = FleetQuestion(order=StandingOrder.GROWTH)
        found = self._capacity.standings(asked, Place(MOST_GROWING)).items
        return tuple(item for item in found if _has_grown(item))

    def _limits(self) -> Sequence[Growth]:
        """Return what reaches a limit first: of those nearest by the week's growth, by forecast."""
        found: list[Growth] = []
        for subjects in Subjects:
            asked = FleetQuestion(subjects=subjects, order=StandingOrder.UNTIL, is_descending=False)
            page = self._capacity.standings(asked, Place(MOST_FORECASTS))
            found += [item.growth for item in page.items if item.growth]
        near = [item for item in found if item.days_until_limit is not None]
        return sorted(near, key=_soonest)[:MOST_LIMITS]

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


def _has_grown(item: StandingNow) -> bool:
    kept = item.standing.aggregation
    return kept is not None and (kept.total.change_bytes or 0) > 0
