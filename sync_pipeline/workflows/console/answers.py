"""Every question of the console, within what its viewer may see.

Pages, the API, exports and completion ask this object and nothing else. What is out of reach is
answered as if it did not exist. Where a command answers the same question, one function of the
workflows is behind both.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.access.answers import AccountAccess, Holder, WhoCan
from sync_pipeline.access.folding import Fold, first_of
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import Search
from sync_pipeline.access.telling import Telling, gaps_once
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.change import Baseline, LoggedChange
from sync_pipeline.model.finding import Finding, Review
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import AccountView, ChangeFilter
from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    InstanceLine,
    InstanceQuestion,
    KindCount,
    Page,
    Place,
    RecordQuestion,
    SessionQuestion,
    checked_key,
    page_of_list,
)
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.session import InstanceRecord, Session, SessionRun
from sync_pipeline.model.size import DatabaseView
from sync_pipeline.model.snapshot import SectionState, SectionStatus
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.workflows.answers import access
from sync_pipeline.workflows.answers.history import change_list
from sync_pipeline.workflows.console.findings import FindingAnswers
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Hold, holds

MOST_LOOKED_THROUGH = 500
LEAST_LOOKED_THROUGH = 20
SECONDS_OF_LOOKING = 0.05
"""Instances in which a page looks for who can do something, and CPU seconds after which it looks
through no more than the least; the next page goes on."""
LAST_RECORDS = 10
MOST_CHANGES = 100


@dataclass(frozen=True, slots=True)
class InstanceAnswer:
    """One instance: what is known of it, what is not, and what holds it back."""

    line: InstanceLine
    hold: Hold
    gone_accounts: int
    unread: tuple[SectionState, ...]
    databases: tuple[DatabaseView, ...]
    records: tuple[InstanceRecord, ...]
    review: Review
    server: Page[tuple[ServerFact, datetime]]


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """One session with how its records ended; its runs are for who may see all of it."""

    session: Session
    kinds: tuple[KindCount, ...]
    runs: tuple[SessionRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What of holders is told: `every_holder` by itself, `with_system` also the engine's own."""

    every_holder: bool = False
    with_system: bool = False


@dataclass(frozen=True, slots=True)
class HoldersAnswer:
    """A page of who can do something. `looked` are the instances that it was looked for in.

    `notes` say what is not known, where the object is not, and where it may be.
    """

    page: Page[Holder | Fold]
    found: WhoCan
    notes: tuple[str, ...] = ()
    looked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """One account: what it is, what it can really do, what is found of it, and its history."""

    view: AccountView
    access: AccountAccess | None
    findings: tuple[Finding, ...] = ()
    changes: tuple[LoggedChange | Baseline, ...] = ()
    unread: tuple[SectionState, ...] = field(default=())


class Answers:
    """Answers for one viewer."""

    def __init__(self, deps: SyncDeps, viewer: Viewer) -> None:
        self._deps = deps
        self._store = deps.store
        self.viewer = viewer
        self._reach = viewer.reach
        self.findings = FindingAnswers(deps, self._reach)

    @property
    def sees_everything(self) -> bool:
        """Return whether the viewer is limited to no tags."""
        return self._reach.is_everything

    def instances(
        self, asked: InstanceQuestion, place: Place
    ) -> tuple[Page[InstanceLine], dict[int, Hold]]:
        """Return a page of instances, and by id what holds them back."""
        windows = self._store.maintenance.active(self._deps.clock())
        page = self._store.instance_pages.page(self._reach, asked, windows, place)
        return page, holds(self._deps, [line.instance for line in page.items])

    def names(self, beginning: str, most: int) -> list[str]:
        """Return the names of instances that begin so, in order."""
        return self._store.instance_pages.names(self._reach, beginning, most)

    def instance(self, name: str, place: Place) -> InstanceAnswer | None:
        """Return all of one instance, with a page of what its server is set to; None: none."""
        found = self._store.instance_pages.named(self._reach, name)
        if found is None:
            return None
        return InstanceAnswer(
            line=self._store.instance_pages.line(found),
            hold=holds(self._deps, [found])[found.id],
            gone_accounts=self._store.instance_pages.account_counts(found.id)[1],
            unread=self._unread(found),
            databases=tuple(self._store.size_queries.databases(found.name)),
            records=tuple(self._store.session_pages.last_of(found, LAST_RECORDS)),
            review=self.findings.review([found]),
            server=self._server(found, place),
        )

    def _server(self, instance: Instance, place: Place) -> Page[tuple[ServerFact, datetime]]:
        key = checked_key(place.after, str, str, str, str, int)
        found = self._store.server_facts.of(instance.id)
        return page_of_list(found, Place(place.limit, key), _fact_key)

    def sessions(self, asked: SessionQuestion, place: Place) -> Page[Session]:
        """Return a page of sessions."""
        return self._store.session_pages.page(self._reach, asked, place)

    def session(self, session_id: str) -> SessionAnswer | None:
        """Return one session; None: there is none with a record that the viewer may see."""
        found = self._store.session_pages.named(self._reach, session_id)
        if found is None:
            return None
        kinds = tuple(self._store.session_pages.kinds(self._reach, session_id))
        runs = tuple(self._store.sessions.runs(session_id)) if self.sees_everything else ()
        return SessionAnswer(found, kinds, runs)

    def records(self, asked: RecordQuestion, place: Place) -> Page[InstanceRecord]:
        """Return a page of the records of a session."""
        return self._store.session_pages.records(self._reach, asked, place)

    def who_can(
        self, privilege: str, text: str, asked: InstanceQuestion, place: Place, told: Told
    ) -> HoldersAnswer:
        """Return a page of who has a privilege on what a text names.

        A page looks through so many instances and no more: it may have no row and a next page.

        Raises:
            ConfigurationError: the text can't be read, or names nothing on any instance of the
                last page.
        """
        key = checked_key(place.after, str, int)
        since, shown = (str(key[0]), int(key[1])) if key else (None, 0)
        chosen = self._store.instance_pages.chosen(
            self._reach, asked, MOST_LOOKED_THROUGH + 1, since
        )
        skipped = shown if chosen and chosen[0].name == since else 0
        looking = _Looking()
        search = access.search(
            self._deps, privilege, text, chosen[:MOST_LOOKED_THROUGH], looking.some
        )
        telling = Telling[Holder | Fold](
            lambda item: [item],
            is_alone=bool(asked.names) or self._is_one(asked),
            every_holder=told.every_holder,
            is_folded=not told.every_holder,
            how="Name the instance, or ask for all holders, to see them.",
        )
        kept: list[Holder | Fold] = []
        try:
            for item in _each(search, telling, told):
                if first_of(item).instance == since and skipped:
                    skipped -= 1
                    continue
                kept.append(item)
                if len(kept) > place.limit:
                    break
        except ConfigurationError:
            # It may name something on an instance of another page.
            if len(chosen) <= looking.count and since is None:
                raise
        names = tuple(item.name for item in chosen[: looking.count])
        found = search.answer()
        notes = (*gaps_once(found), *telling.notes(found))
        if len(kept) <= place.limit:
            more = chosen[looking.count :]
            following = (more[0].name, 0) if more else None
            return HoldersAnswer(Page(tuple(kept), following), found, notes, names)
        page = kept[: place.limit]
        last = first_of(page[-1]).instance
        count = sum(first_of(item).instance == last for item in page)
        count += shown if last == since else 0
        return HoldersAnswer(Page(tuple(page), (last, count)), found, notes, names)

    def _is_one(self, asked: InstanceQuestion) -> bool:
        return len(self._store.instance_pages.chosen(self._reach, asked, 2)) == 1

    def accounts(self, asked: AccountQuestion, place: Place) -> Page[AccountLine]:
        """Return a page of accounts by name."""
        return self._store.account_pages.page(self._reach, asked, place)

    def account(self, instance: str, name: str) -> AccountAnswer | None:
        """Return all of one account; None: there is none of this name.

        Raises:
            StoreDamaged: what is stored of the instance is not what was written.
        """
        found = self._store.instance_pages.named(self._reach, instance)
        view = self._store.accounts.get(instance, name) if found else None
        if found is None or view is None:
            return None
        wanted = ChangeFilter(instances=(found.id,), account=name, limit=MOST_CHANGES)
        review = self.findings.review([found])
        return AccountAnswer(
            view=view,
            access=access.access_of(self._deps, name, instance) if view.is_active else None,
            findings=tuple(item for item in review.findings if item.account == name),
            changes=tuple(change_list(self._store, wanted)),
            unread=self._unread(found),
        )

    def _unread(self, instance: Instance) -> tuple[SectionState, ...]:
        """Return the sections that were not read, but for those that are nobody's to read."""
        return tuple(
            item
            for item in self._store.accounts.sections(instance.id)
            if not item.report.is_known and item.report.status is not SectionStatus.PROVIDERS
        )


@dataclass(slots=True)
class _Looking:
    """Looks at instances until that took too long, and counts them."""

    count: int = 0
    _begun: float = field(default_factory=time.thread_time)

    def some(self, worlds: Iterator[Judged]) -> Iterator[Judged]:
        """Yield as many as a page may look at."""
        for world in worlds:
            self.count += 1
            yield world
            is_over = time.thread_time() - self._begun > SECONDS_OF_LOOKING
            if is_over and self.count >= LEAST_LOOKED_THROUGH:
                return


def _fact_key(item: tuple[ServerFact, datetime]) -> tuple[str, str, str, str]:
    fact, _ = item
    return fact.name, fact.database, fact.subject, fact.value


def _each(search: Search, telling: Telling[Holder | Fold], told: Told) -> Iterator[Holder | Fold]:
    """Yield what is told, and at the end what is told for want of better."""
    holders = (item for item in search.holders() if told.with_system or not item.is_own)
    for _, rows in telling.told(holders):
        yield from rows
    for _, rows in telling.for_want(search.answer()):
        yield from rows
