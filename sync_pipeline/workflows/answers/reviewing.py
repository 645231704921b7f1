"""Making the review of an instance, and saying what it depends on."""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, examine
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.change import KnownAccount, Reconciliation
from sync_pipeline.model.finding import Examined
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.review import NewReview, ReviewMarks, SameReview
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.model.use import WatchedUse
from sync_pipeline.workflows.answers.access import judge
from sync_pipeline.workflows.answers.classification import active_after
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.answers.same_review import same_review
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.unchanged import code_digest

_LOG = logging.getLogger(__name__)


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
) -> NewReview | SameReview | None:
    """Return the review of the accounts that a sync leaves active, before it is written.

    Where nothing has changed that a finding depends on, it is the one that is kept.
    `accounts` is the mark of those that were `known`, with all of their grants. A defect
    in a rule never loses the sync: there is no review then, and who asks for findings is told.
    """
    try:
        return _review_of_sync(deps, instance, accounts, known, result, snapshot)
    except Exception as error:  # noqa: BLE001 - a defect in a rule must not lose a sync
        # Where it happened, without the exception's text: that may quote anything.
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s: unexpected %s\n%s", instance.name, type(error).__name__, where)
        return None


def _review_of_sync(
    deps: SyncDeps,
    instance: Instance,
    accounts: str,
    all_known: Callable[[], Sequence[KnownAccount]],
    result: Reconciliation,
    snapshot: Snapshot,
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
    states = {state.name: state for state in active_after(known, result)}
    changed = {item.state.name: item.changed_at for item in known if item.changed_at}
    changed.update({state.name: snapshot.observed_at for state in result.states})
    judged = judge(
        instance,
        states,
        result.sections,
        version,
        snapshot.observed_at,
        platform,
        snapshot.server_facts,
    )
    use = deps.store.use.watched(instance.id)
    found = examine(reviewer.case(instance, judged, listed.databases, changed, use), RULES)
    return NewReview(found, accounts, marks, snapshot.observed_at, _counted(deps, found))


def _counted(deps: SyncDeps, found: Examined) -> CountedFindings | None:
    """Return the numbers of findings; None: the findings file is not valid, which others say."""
    try:
        return Counting.of(deps).counted(found)
    except ConfigurationError:
        return None


def _hex(parts: object) -> str:
    data = repr(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=32).hexdigest()
