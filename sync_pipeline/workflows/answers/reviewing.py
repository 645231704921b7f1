"""Making the review of an instance, and saying what it depends on."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Self

from sync_pipeline.access.events.powers import POWER_RULES
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, examine
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount, Reconciliation
from sync_pipeline.model.event import Event
from sync_pipeline.model.finding import Examined
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.review import (
    FindingChanges,
    NewReview,
    ReviewMarks,
    SameReview,
    Telling,
    by_key,
)
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.model.use import WatchedUse
from sync_pipeline.reconcile.before import states_before
from sync_pipeline.workflows.answers.access import judge
from sync_pipeline.workflows.answers.classification import active_after
from sync_pipeline.workflows.answers.defects import unless_defect
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.answers.same_review import same_review
from sync_pipeline.workflows.answers.sync_news import SyncNews
from sync_pipeline.workflows.answers.telling import Teller, counting_of
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.unchanged import code_digest


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What every review of a moment depends on, beside the instance and its accounts."""

    excluded: tuple[str, ...]
    usernames: Mapping[str, str]
    code: str

    @classmethod
    def of(cls, deps: SyncDeps) -> Self:
        """Return what it is by the settings and the registry."""
        found = deps.store.registry.usernames()
        return cls(tuple(deps.settings.excluded_databases), found, code_digest())

    def case(
        self,
        instance: Instance,
        judged: Judged,
        databases: Databases | None,
        changed_at: Mapping[str, datetime],
        use: WatchedUse | None = None,
    ) -> Case:
        """Return an instance under review; without `use` nobody counts as unused."""
        listed = replace(databases, excluded=self._excluded(instance)) if databases else None
        monitor = self._monitor(instance)
        return Case(judged, listed, changed_at, monitor, use or WatchedUse())

    def basis(self, instance: Instance) -> str:
        """Return a digest (hex) of all that is no row of the store's: our own code is among it."""
        parts = (
            self.code,
            sys.version,
            instance.name,
            str(instance.engine),
            instance.server_version or "",
            str(instance.runs_on),
            self._monitor(instance),
            self._excluded(instance),
        )
        return _hex(parts)

    def _monitor(self, instance: Instance) -> str:
        return self.usernames.get(instance.credential, "")

    def _excluded(self, instance: Instance) -> tuple[str, ...]:
        return (*ENGINES[instance.engine].system_databases, *self.excluded)


def listing_of(databases: Databases | None) -> str:
    """Return a digest (hex) of the names of an instance's databases, those that are gone too."""
    if databases is None:
        return ""
    return _hex((sorted(databases.present), sorted(databases.vanished)))


def review_of_sync(
    deps: SyncDeps,
    instance: Instance,
    accounts: str,
    known: Callable[[], Sequence[KnownAccount]],
    result: Reconciliation,
    snapshot: Snapshot,
    news: SyncNews | None = None,
) -> NewReview | SameReview | None:
    """Return the review of the accounts that a sync leaves active, before it is written.

    Where nothing has changed that a finding depends on, it is the one that is kept.
    `accounts` is the mark of those that were `known`, with all of their grants. A defect
    in a rule never loses the sync: there is no review then, and who asks for findings is told.
    Without `news` the review tells nothing.
    """
    args = deps, instance, accounts, known, result, snapshot, news
    return unless_defect(instance, lambda: _review_of_sync(*args), None)


def powers_unreviewed(
    deps: SyncDeps,
    instance: Instance,
    all_known: Callable[[], Sequence[KnownAccount]],
    result: Reconciliation,
    snapshot: Snapshot,
    news: SyncNews | None,
) -> tuple[Event, ...]:
    """Return the events of powers of a sync that has no review, by the rules of powers alone.

    A defect in another rule must not keep anybody from knowing who became a superuser.
    """
    if news is None or not result.changes:
        return ()
    args = deps, instance, all_known(), result, snapshot, news
    return unless_defect(instance, lambda: _powers_unreviewed(*args), ())


def _powers_unreviewed(
    deps: SyncDeps,
    instance: Instance,
    known: Sequence[KnownAccount],
    result: Reconciliation,
    snapshot: Snapshot,
    news: SyncNews,
) -> tuple[Event, ...]:
    reviewer = Reviewer.of(deps)
    now = {state.name: state for state in active_after(known, result)}
    was, judged = (
        _judged(instance, result, snapshot, states, snapshot.server_facts)
        for states in (states_before(known, result), now)
    )
    before, found = (
        by_key(examine(reviewer.case(instance, item, None, {}, WatchedUse()), POWER_RULES).findings)
        for item in (was, judged)
    )
    appeared = (*result.created, *result.reactivated)
    teller = Teller(None, appeared, result.deactivated)
    return teller.powers(news.origin, FindingChanges.between(before, found))


def _review_of_sync(
    deps: SyncDeps,
    instance: Instance,
    accounts: str,
    all_known: Callable[[], Sequence[KnownAccount]],
    result: Reconciliation,
    snapshot: Snapshot,
    news: SyncNews | None,
) -> NewReview | SameReview:
    reviewer = Reviewer.of(deps)
    version, platform = snapshot.server.version, snapshot.server.platform
    listed = deps.store.reviews.listed(instance.id)
    basis = reviewer.basis(replace(instance, server_version=version, platform=platform))
    marks = ReviewMarks(basis, listing_of(listed.databases), listed.rows)
    same = same_review(deps, instance, accounts, marks, result, snapshot)
    if same is not None:
        return same
    known = all_known()
    judge_of = partial(_judged, instance, result, snapshot)
    states = {state.name: state for state in active_after(known, result)}
    changed = {item.state.name: item.changed_at for item in known if item.changed_at}
    changed.update({state.name: snapshot.observed_at for state in result.states})
    judged = judge_of(states, snapshot.server_facts)
    use = deps.store.use.watched(instance.id)
    found = examine(reviewer.case(instance, judged, listed.databases, changed, use), RULES)
    counting = counting_of(deps)
    counted = None
    if counting is not None:
        counted = counting.counted(_known(deps, instance, counting, found, snapshot.observed_at))
    new = NewReview(found, accounts, marks, snapshot.observed_at, counted)
    if news is None:
        return new
    before = None
    if not _is_comparable(deps, instance, new, news, result, snapshot):
        if not result.changes:
            return new
        facts = news.facts_before(deps, instance, result, snapshot)
        was = judge_of(states_before(known, result), facts)
        then = reviewer.case(instance, was, listed.databases, changed, use)
        before = examine(then, RULES).findings
    appeared = (*result.created, *result.reactivated)
    teller = Teller(counting, appeared, result.deactivated)
    return replace(new, telling=Telling(teller.told(news.origin), before))


def _judged(
    instance: Instance,
    result: Reconciliation,
    snapshot: Snapshot,
    states: Mapping[str, AccountState],
    facts: Iterable[ServerFact],
) -> Judged:
    server = snapshot.server
    moment = snapshot.observed_at
    return judge(instance, states, result.sections, server.version, moment, server.platform, facts)


def _is_comparable(
    deps: SyncDeps,
    instance: Instance,
    new: NewReview,
    news: SyncNews,
    result: Reconciliation,
    snapshot: Snapshot,
) -> bool:
    """Return whether what differs from the kept review is what somebody changed.

    It is not where the code or the settings are others, where the kept one is not of the accounts
    that were there before, or where more or less was read than then.
    """
    kept = deps.store.reviews.made_of(instance.id)
    return (
        kept.basis == new.marks.basis
        and kept.accounts == new.accounts
        and kept.is_unlisted == new.examined.is_unlisted
        and not result.visible
        and news.is_read_as_before(result, snapshot)
    )


def _known(
    deps: SyncDeps, instance: Instance, counting: Counting, found: Examined, moment: datetime
) -> Examined:
    """Return what was found with how bad it was before, where numbers depend on that."""
    if not counting.looks_back(instance.name):
        return found
    seen = deps.store.reviews.seen_then(instance.id, found.findings, moment)
    known = zip(found.findings, seen, strict=True)
    return replace(found, findings=tuple(replace(item, steps=one.steps) for item, one in known))


def _hex(parts: object) -> str:
    data = repr(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=32).hexdigest()
