"""The console's questions about accounts, within what their viewer may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync_pipeline.access import questions
from sync_pipeline.access.answers import AccessComparison, AccountAccess
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.roles import RoleTree, role_tree
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import Baseline, LoggedChange
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import AccountView, ChangeFilter
from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    Key,
    NameMatch,
    Page,
    Place,
    checked_key,
    moment_of,
)
from sync_pipeline.model.past import Which
from sync_pipeline.model.snapshot import SectionState, SectionStatus
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.answers.access import judged_then, load
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.answers.history import change_list
from sync_pipeline.workflows.answers.past import each_at, require_past
from sync_pipeline.workflows.dependencies import SyncDeps

LAST_CHANGES = 20
MOST_NAMESAKES = 50
"""Accounts of the same name that the page of one shows; the list has all."""


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """One account: what it is, what it can really do, what is found of it, and its last changes.

    `view` has the dates of now, also where `state` and `is_active` are of a past moment (`at`).
    `namesakes` are the accounts of its name on other instances, the first of them.
    """

    view: AccountView
    state: AccountState
    is_active: bool
    at: datetime | None = None
    access: AccountAccess | None = None
    roles: RoleTree = field(default_factory=RoleTree)
    findings: tuple[Finding, ...] = ()
    changes: tuple[LoggedChange | Baseline, ...] = ()
    namesakes: tuple[AccountLine, ...] = ()
    has_more_namesakes: bool = False
    unread: tuple[SectionState, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """An account as it is now, or was at a moment, among the others of its instance."""

    state: AccountState
    is_active: bool
    judged: Judged


class AccountAnswers:
    """Answers about accounts for one viewer."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._deps = deps
        self._store = deps.store
        self._reach = reach

    def page(self, asked: AccountQuestion, place: Place) -> Page[AccountLine]:
        """Return a page of accounts by name."""
        return self._store.account_pages.page(self._reach, asked, place)

    def one(self, which: Which) -> AccountAnswer | None:
        """Return all of one account; None: there is, or was, none of this name.

        Raises:
            ConfigurationError: the moment has not come, or is before what is kept.
            StoreDamaged: what is stored of the instance is not what was written.
        """
        instance = self._instance(which)
        view = self._store.accounts.get(which.instance, which.account) if instance else None
        if instance is None or view is None:
            return None
        known = self._known(instance, which)
        if known is None:
            return None
        judged = known.judged
        answer = AccountAnswer(
            view=view,
            state=known.state,
            is_active=known.is_active,
            at=which.at,
            access=questions.access_of(judged, which.account) if known.is_active else None,
            roles=role_tree(judged.world.accounts, which.account),
            notes=judged.past,
        )
        if which.at is not None:
            return answer
        review = review_of(self._deps, [instance], is_limited=not self._reach.is_everything)
        wanted = ChangeFilter(instances=(instance.id,), account=view.state.name, limit=LAST_CHANGES)
        namesakes, has_more = self._namesakes(instance, view)
        return replace(
            answer,
            findings=tuple(item for item in review.findings if item.account == which.account),
            changes=tuple(change_list(self._store, wanted)),
            namesakes=namesakes,
            has_more_namesakes=has_more,
            unread=unread_of(self._store.accounts.sections(instance.id)),
        )

    def history(self, which: Which, place: Place) -> Page[LoggedChange | Baseline] | None:
        """Return a page of all changes of an account that are kept, newest first; None: no account.

        `which.at`: those until a moment.
        """
        instance = self._instance(which)
        if instance is None or self._store.accounts.get(instance.name, which.account) is None:
            return None
        key = checked_key(place.after, str, int)
        until, seen = (moment_of(key), int(key[1])) if key else (which.at, 0)
        wanted = ChangeFilter(
            instances=(instance.id,),
            account=which.account,
            until=until,
            limit=place.limit + seen + 1,
        )
        found = change_list(self._store, wanted)[seen:]
        shown = found[: place.limit]
        if len(found) <= place.limit:
            return Page(tuple(shown))
        last = shown[-1].changed_at
        same = sum(item.changed_at == last for item in shown) + (seen if last == until else 0)
        following: Key = (last.isoformat(), same)
        return Page(tuple(shown), following)

    def compared(self, first: Which, second: Which) -> AccessComparison | None:
        """Return how two accounts differ, each at its moment; None: one is not, or was not there.

        Raises:
            ConfigurationError: a moment has not come, or is before what is kept.
            StoreDamaged: what is stored of an instance is not what was written.
        """
        sides = []
        for which in (first, second):
            instance = self._instance(which)
            known = self._known(instance, which) if instance else None
            if known is None or not known.is_active:
                return None
            sides.append((known.judged, which.account))
        return questions.compare(*sides[0], *sides[1])

    def _instance(self, which: Which) -> Instance | None:
        return self._store.instance_pages.named(self._reach, which.instance, which.at)

    def _known(self, instance: Instance, which: Which) -> _Known | None:
        if which.at is None:
            view = self._store.accounts.get(instance.name, which.account)
            (loaded,) = load(self._deps, [instance])
            return _Known(view.state, view.is_active, loaded.judged) if view else None
        require_past(self._deps, which.at)
        ((_, past),) = each_at(self._deps, [instance], which.at)
        known = past.known.get(which.account)
        if known is None:
            return None
        return _Known(known.state, known.is_active, judged_then(instance, past, which.at))

    def _namesakes(
        self, instance: Instance, view: AccountView
    ) -> tuple[tuple[AccountLine, ...], bool]:
        asked = AccountQuestion(view.state.name, NameMatch.EXACT, is_gone=True)
        found = self.page(asked, Place(MOST_NAMESAKES + 1))
        others = [item for item in found.items if item.instance != instance.name]
        shown = sorted(others[:MOST_NAMESAKES], key=lambda item: item.instance)
        return tuple(shown), found.next is not None or len(others) > MOST_NAMESAKES


def unread_of(sections: Sequence[SectionState]) -> tuple[SectionState, ...]:
    """Return the sections that were not read, but for those that are nobody's to read."""
    return tuple(
        item
        for item in sections
        if not item.report.is_known and item.report.status is not SectionStatus.PROVIDERS
    )
