"""Whether a sync leaves the findings as they are, before any account is reviewed.

Most changes of a large instance are grants on tables, of which no rule says anything. An engine
tells which grants these are; whatever else may be another, is compared here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.findings.grants import grant_option
from sync_pipeline.engines.base import KnowsUnreviewed
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import AccountChange, AccountDiff, Reconciliation
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import Wanted, no_holder
from sync_pipeline.model.privilege import Grant
from sync_pipeline.model.review import KeptReview, ReviewMarks, SameReview
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.workflows.dependencies import SyncDeps


def same_review(
    deps: SyncDeps,
    instance: Instance,
    accounts: str,
    marks: ReviewMarks,
    result: Reconciliation,
    snapshot: Snapshot,
) -> SameReview | None:
    """Return that what is kept is what a review of the accounts would find; None: it may not be.

    `accounts` is the mark of those that were compared, `marks` are what a review would be made of.
    """
    changed = _unreviewed(instance, result)
    if changed is None:
        return None
    (kept,) = deps.store.reviews.each([instance.id], with_findings=False)
    is_same = (
        _is_of(kept, accounts, marks)
        and kept.holds_at(snapshot.observed_at)
        and _is_as_read(deps, instance, result, snapshot)
        and not _is_passed_on(deps, instance, changed)
    )
    return SameReview(kept.turn, accounts, snapshot.observed_at) if is_same else None


def _is_of(kept: KeptReview, accounts: str, marks: ReviewMarks) -> bool:
    return kept.marks == marks and kept.accounts == kept.accounts_now == accounts


def _is_as_read(
    deps: SyncDeps, instance: Instance, result: Reconciliation, snapshot: Snapshot
) -> bool:
    """Return whether the sections ended as before, and the server is set to what it was."""
    before = {item.key: item.report for item in deps.store.accounts.sections(instance.id)}
    if before != dict(result.sections):
        return False
    facts = {fact for fact, _ in deps.store.server_facts.of(instance.id)}
    return facts == set(snapshot.server_facts)


def _unreviewed(instance: Instance, result: Reconciliation) -> frozenset[Grant] | None:
    """Return the grants that came and went; None: more is another than grants nobody reviews."""
    engine = ENGINES[instance.engine]
    states = {state.name: state for state in result.states}
    if not isinstance(engine, KnowsUnreviewed) or not _are_grants_alone(result, states):
        return None
    read = {key.database for key in result.sections}
    found: set[Grant] = set()
    for change in result.changes:
        state, grants = states[change.account], list(_grants(change.diff))
        # When an account changed counts where it has something in a database that is not there.
        everything = (*state.grants, *grants)
        if any(grant.securable.database not in read for grant in everything):
            return None
        if not all(engine.is_unreviewed(state, grant) for grant in grants):
            return None
        found.update(grants)
    return frozenset(found)


def _are_grants_alone(result: Reconciliation, states: dict[str, AccountState]) -> bool:
    """Return whether nothing but grants of accounts that were there has changed."""
    came_or_went = (*result.created, *result.reactivated, *result.deactivated)
    return (
        not (result.is_baseline or came_or_went)
        and states.keys() == {change.account for change in result.changes}
        and all(map(_is_of_grants, result.changes))
    )


def _is_of_grants(change: AccountChange) -> bool:
    diff = change.diff
    return not (
        diff.fields
        or diff.memberships_added
        or diff.memberships_removed
        or diff.settings_added
        or diff.settings_removed
    )


def _grants(diff: AccountDiff) -> Iterator[Grant]:
    yield from diff.grants_added
    yield from diff.grants_removed


def _is_passed_on(deps: SyncDeps, instance: Instance, changed: frozenset[Grant]) -> bool:
    """Return whether somebody may pass on what was granted, whose statements name who has it."""
    found = deps.store.reviews.open([instance.id])
    if all(item.rule != grant_option.id for item in found):
        return False
    places = {grant.securable for grant in changed}
    world = deps.store.accounts.world(instance.id)
    return any(
        grant.grantable and grant.securable in places
        for item in world.known(Wanted(places.__contains__, no_holder))
        for grant in item.state.grants
    )
