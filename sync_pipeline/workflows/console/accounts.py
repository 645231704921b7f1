"""The console's questions about accounts, within what their viewer may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from sync_pipeline.access import questions
from sync_pipeline.access.answers import AccessComparison, AccountAccess
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.roles import RoleTree, role_tree
from sync_pipeline.access.telling import alike
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import Baseline, LoggedChange
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.imported import ImportedAccount, ImportedChange
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import AccountView, ChangeFilter
from sync_pipeline.model.looked import LookedAt
from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    InstanceQuestion,
    Key,
    NameMatch,
    Page,
    Place,
    alike_of,
    checked_key,
    moment_of,
)
from sync_pipeline.model.past import Which
from sync_pipeline.model.snapshot import SectionState, SectionStatus
from sync_pipeline.model.tenure import InstanceTenures
from sync_pipeline.model.use import InstanceUse
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.answers.access import judged_then
from sync_pipeline.workflows.answers.accounts import Found, found_accounts
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.answers.history import change_list
from sync_pipeline.workflows.answers.past import each_at, require_past
from sync_pipeline.workflows.answers.tenure import tenures
from sync_pipeline.workflows.answers.use import use_lines
from sync_pipeline.workflows.console.abilities import looked_at, looked_through
from sync_pipeline.workflows.console.imported import ImportedAnswers
from sync_pipeline.workflows.console.looking import Looking, Lots
from sync_pipeline.workflows.console.worlds import KeptWorlds
from sync_pipeline.workflows.dependencies import SyncDeps

Told = LoggedChange | Baseline | ImportedChange
LAST_CHANGES = 20
MOST_NAMESAKES = 50
"""Accounts of the same name that the page of one shows; the list has all."""


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """One account: what it is, what it can really do, what is found of it, and its last changes.

    `view` has the dates of now, also where `state` and `is_active` are of a past moment (`at`).
    `changes` are those of ours and imported ones; `before` is what was last known of it before the
    move.
    `namesakes` are the accounts of its name on other instances, the first of them. `used` are
    sentences on its use, of now alone.
    """

    view: AccountView
    state: AccountState
    is_active: bool
    at: datetime | None = None
    access: AccountAccess | None = None
    roles: RoleTree = field(default_factory=RoleTree)
    findings: tuple[Finding, ...] = ()
    changes: tuple[Told, ...] = ()
    before: tuple[ImportedAccount, ...] = ()
    has_more_changes: bool = False
    namesakes: tuple[AccountLine, ...] = ()
    has_more_namesakes: bool = False
    unread: tuple[SectionState, ...] = ()
    notes: tuple[str, ...] = ()
    last_used_at: datetime | None = None
    used: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """A page of what changed of an account, and what was last known of it before the move.

    `is_here`: an account of this name is, or was, known to syncs of ours.
    """

    page: Page[Told]
    before: tuple[ImportedAccount, ...]
    is_here: bool


@dataclass(frozen=True, slots=True)
class AccountsAnswer:
    """A page of accounts; `notes` say what is not known where they were looked through.

    `uses` are when accounts were used, by the names of their instances: of now, so that there is
    none of a past moment.
    """

    page: Page[AccountLine]
    notes: tuple[str, ...] = ()
    uses: Mapping[str, InstanceUse] = field(default_factory=dict)

    def last_used(self, instance: str, account: str) -> datetime | None:
        """Return when an account of the page was seen in use last."""
        found = self.uses.get(instance)
        return found.of(account).last_at if found else None


@dataclass(frozen=True, slots=True)
class _Known:
    """An account as it is now, or was at a moment, among the others of its instance."""

    state: AccountState
    is_active: bool
    judged: Judged


@dataclass(frozen=True, slots=True)
class _Beside:
    """What else is told of an account of now: what was not read, and its use."""

    unread: tuple[SectionState, ...]
    last_used_at: datetime | None
    used: tuple[str, ...]

    def rows(self) -> int:
        """Return how many sections and sentences it has."""
        return 1 + len(self.unread) + len(self.used)


@dataclass(slots=True)
class _Now:
    """An instance as it is now; its accounts are read where they are asked for, and once."""

    deps: SyncDeps
    instance: Instance
    _judged: Judged | None = None

    @property
    def judged(self) -> Judged:
        """Return its accounts under the rules of its engine."""
        if self._judged is None:
            self._judged = KeptWorlds(self.deps).load(self.instance).judged
        return self._judged

    def states(self) -> Mapping[str, AccountState]:
        """Return the accounts that are there, by their names."""
        return self.judged.world.accounts


class AccountAnswers:
    """Answers about accounts for one viewer."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._deps = deps
        self._store = deps.store
        self._reach = reach
        self._imported = ImportedAnswers(deps, reach)

    def page(self, asked: AccountQuestion, place: Place) -> AccountsAnswer:
        """Return a page of accounts by name; by instance where these are looked through for it.

        Raises:
            ConfigurationError: there is no such class; the moment has not come, or is before what
                is kept; gone accounts are asked for by what they can do.
        """
        if not asked.is_looked_through:
            return self._answer(self._store.account_pages.page(self._reach, asked, place), asked)
        _require_judged(asked)
        key = checked_key(place.after, str, str)
        since, last = (str(key[0]), str(key[1])) if key else (None, "")
        pages, question = self._store.instance_pages, _instances(asked)
        lots = Lots(
            lambda most, begin: pages.chosen(self._reach, question, most, begin, asked.at), since
        )
        looking = Looking()
        lines: list[AccountLine] = []
        gaps: list[tuple[str, str]] = []
        for name, found in looking.some(self._found(lots, asked)):
            gaps += [(name, text) for text in found.gaps]
            lines += [
                line
                for line in found.lines
                if (name != since or line.name > last) and _is_changed(line, asked)
            ]
            if len(lines) > place.limit:
                shown = lines[: place.limit]
                following: Key = (shown[-1].instance, shown[-1].name)
                return self._answer(Page(tuple(shown), following), asked, tuple(alike(gaps)))
        more = lots.after(looking.count)
        end = (more, "") if more is not None else None
        return self._answer(Page(tuple(lines), end), asked, tuple(alike(gaps)))

    def _answer(
        self, page: Page[AccountLine], asked: AccountQuestion, notes: tuple[str, ...] = ()
    ) -> AccountsAnswer:
        """Return a page with when its accounts were used."""
        names = {item.instance for item in page.items} if asked.at is None else ()
        return AccountsAnswer(page, notes, self._store.use.named(sorted(names)))

    def _found(self, lots: Lots, asked: AccountQuestion) -> Iterator[tuple[str, LookedAt]]:
        # What is wrong with a question is wrong where there is no instance, too.
        return chain.from_iterable(self._on(some, asked) for some in (lots if lots.known else [()]))

    def _on(
        self, some: Sequence[Instance], asked: AccountQuestion
    ) -> Iterator[tuple[str, LookedAt]]:
        def anew(chosen: Sequence[Instance]) -> Iterator[Found]:
            return found_accounts(
                self._deps, chosen, asked.rule, asked.at, lambda state: _is_meant(state, asked)
            )

        try:
            if _is_by_rule(asked):
                return looked_through(self._deps, some, asked.rule, anew)
            return ((item.loaded.instance.name, looked_at(item)) for item in anew(some))
        except ConfigurationError as error:
            if not asked.class_name or self._reach.is_everything:
                raise
            # Which classes there are is nothing of the viewer's instances.
            raise ConfigurationError(error.message) from None

    def one(self, which: Which) -> AccountAnswer | None:
        """Return all of one account; None: there is, or was, none of this name.

        Raises:
            ConfigurationError: the moment has not come, or is before what is kept.
            StoreDamaged: what is stored of the instance is not what was written.
        """
        instance = self._instance(which)
        if instance is None:
            return None
        now = _Now(self._deps, instance)
        view = self._view(now, which)
        known = self._known(now, which, view) if view else None
        if known is None or view is None:
            return None
        judged = known.judged
        changes = self._changes(instance, which.account, which.at, LAST_CHANGES + 1)
        answer = AccountAnswer(
            view=view,
            state=known.state,
            is_active=known.is_active,
            at=which.at,
            access=questions.access_of(judged, which.account) if known.is_active else None,
            roles=role_tree(judged.world.accounts, which.account),
            changes=tuple(changes[:LAST_CHANGES]),
            before=self._imported.known(instance, which.account),
            has_more_changes=len(changes) > LAST_CHANGES,
            notes=judged.past,
        )
        if which.at is not None:
            return answer
        review = review_of(self._deps, [instance], is_limited=not self._reach.is_everything)
        namesakes, has_more = self._namesakes(instance, view)
        beside = self._beside(instance, which.account)
        return replace(
            answer,
            findings=tuple(item for item in review.findings if item.account == which.account),
            namesakes=namesakes,
            has_more_namesakes=has_more,
            unread=beside.unread,
            last_used_at=beside.last_used_at,
            used=beside.used,
        )

    def history(self, which: Which, place: Place) -> HistoryAnswer | None:
        """Return a page of all changes of an account that are kept, newest first; None: no account.

        `which.at`: those until a moment. An account that only another system knew has a page, too.
        """
        instance = self._instance(which)
        if instance is None:
            return None
        is_here = self._store.accounts.get(instance.name, which.account) is not None
        before = self._imported.known(instance, which.account)
        page = self._history(instance, which, place)
        if not (is_here or before or page.items):
            return None
        return HistoryAnswer(page, before, is_here=is_here)

    def _history(self, instance: Instance, which: Which, place: Place) -> Page[Told]:
        key = checked_key(place.after, str, int)
        until, seen = (moment_of(key), alike_of(key, 1)) if key else (which.at, 0)
        found = self._changes(instance, which.account, until, place.limit + seen + 1)[seen:]
        shown = found[: place.limit]
        if len(found) <= place.limit:
            return Page(tuple(shown))
        last = shown[-1].changed_at
        same = sum(item.changed_at == last for item in shown) + (seen if last == until else 0)
        following: Key = (last.isoformat(), same)
        return Page(tuple(shown), following)

    def _changes(
        self, instance: Instance, account: str, until: datetime | None, limit: int
    ) -> list[Told]:
        """Return changes until a moment, newest first; of one moment, what is ours first."""
        wanted = ChangeFilter(instances=(instance.id,), account=account, until=until, limit=limit)
        ours = self._store.remember(
            ("changes", wanted), lambda: tuple(change_list(self._store, wanted))
        )
        theirs = self._imported.of_account(instance, account, until, limit)
        if not theirs:
            return [*ours]
        both: list[Told] = [*ours, *theirs]
        return sorted(both, key=lambda item: item.changed_at, reverse=True)[:limit]

    def compared(self, first: Which, second: Which) -> AccessComparison | None:
        """Return how two accounts differ, each at its moment; None: one is not, or was not there.

        Raises:
            ConfigurationError: a moment has not come, or is before what is kept.
            StoreDamaged: what is stored of an instance is not what was written.
        """
        sides = []
        read: dict[str, _Now] = {}
        for which in (first, second):
            instance = self._instance(which)
            if instance is None:
                return None
            now = read.setdefault(instance.name, _Now(self._deps, instance))
            known = self._known(now, which, self._view(now, which))
            if known is None or not known.is_active:
                return None
            sides.append((known.judged, which.account))
        return questions.compare(*sides[0], *sides[1])

    def tenures(
        self,
        which: Which,
        capability: Capability,
        since: datetime | None,
        until: datetime | None,
    ) -> InstanceTenures | None:
        """Return since when accounts of an instance have a capability; None: no such instance.

        Of the account that is named, or of all where none is.

        Raises:
            ConfigurationError: the time ends before it begins, or has not come.
        """
        instance = self._instance(which)
        if instance is None:
            return None
        name = which.account
        rule = AccountRule(capabilities=(capability,), with_own=bool(name))
        (found,) = tenures(
            self._deps,
            [instance],
            rule,
            since,
            until,
            lambda state: name in ("", state.name),
            account=name,
        )
        return found

    def _instance(self, which: Which) -> Instance | None:
        return self._store.instance_pages.named(self._reach, which.instance, which.at)

    def _view(self, now: _Now, which: Which) -> AccountView | None:
        """Return an account with its dates of now; None: there is none."""
        known = now.states if which.at is None else None
        return self._store.remember(
            ("account", now.instance.id, which.account),
            lambda: self._store.accounts.get(which.instance, which.account, known),
            lambda found: 1 + (len(found.state.grants) if found else 0),
        )

    def _beside(self, instance: Instance, account: str) -> _Beside:
        """Return what else is told of an account of now."""

        def read() -> _Beside:
            use = self._store.use.named([instance.name]).get(instance.name, InstanceUse())
            unread = unread_of(self._store.accounts.sections(instance.id))
            return _Beside(unread, use.of(account).last_at, tuple(use_lines(use, account)))

        return self._store.remember(("beside an account", instance.id, account), read, _Beside.rows)

    def _known(self, now: _Now, which: Which, view: AccountView | None) -> _Known | None:
        """Return what is known of an account; `view` is what it is now, None: there is none."""
        if which.at is None:
            return _Known(view.state, view.is_active, now.judged) if view else None
        require_past(self._deps, which.at)
        ((then, past),) = each_at(self._deps, [now.instance], which.at)
        known = past.known.get(which.account)
        if known is None:
            return None
        return _Known(known.state, known.is_active, judged_then(then, past, which.at))

    def _namesakes(
        self, instance: Instance, view: AccountView
    ) -> tuple[tuple[AccountLine, ...], bool]:
        asked = AccountQuestion(view.state.name, NameMatch.EXACT, is_gone=True)
        found = self._store.account_pages.page(self._reach, asked, Place(MOST_NAMESAKES + 1))
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


def _require_judged(asked: AccountQuestion) -> None:
    if asked.is_gone:
        raise ConfigurationError(
            "What accounts that are gone can do is not judged.",
            hint="Ask for gone ones without a moment, a class, a capability and a role.",
        )
    if asked.at is not None and (asked.since is not None or asked.until is not None):
        raise ConfigurationError(
            "When accounts had changed last at a past moment is not known of each.",
            hint="Ask for a moment, or for the time of the last change.",
        )


def _instances(asked: AccountQuestion) -> InstanceQuestion:
    return InstanceQuestion(
        names=(asked.instance,) if asked.instance else (),
        tags=asked.tags,
        engines=asked.engines,
        environments=asked.environments,
    )


def _is_meant(state: AccountState, asked: AccountQuestion) -> bool:
    flags = (
        (asked.only_superusers, state.is_superuser),
        (asked.only_locked, state.is_locked),
        (asked.only_login, state.can_login),
    )
    return _is_named(state.name, asked) and all(holds for is_asked, holds in flags if is_asked)


def _is_named(name: str, asked: AccountQuestion) -> bool:
    if asked.match is NameMatch.CONTAINS:
        return asked.text in name
    if asked.match is NameMatch.EXACT:
        return not asked.text or name == asked.text
    return name.startswith(asked.text)


def _is_changed(line: AccountLine, asked: AccountQuestion) -> bool:
    at = line.last_change_at
    is_late = asked.since is None or (at is not None and at >= asked.since)
    return is_late and (asked.until is None or (at is not None and at <= asked.until))


def _is_by_rule(asked: AccountQuestion) -> bool:
    """Return whether a rule alone is asked for, and no file says what it means."""
    is_narrowed = asked.text or asked.only_superusers or asked.only_locked or asked.only_login
    return not (is_narrowed or asked.class_name or asked.at is not None)
