"""Every question of the console, within what its viewer may see.

Pages, the API, exports and completion ask this object and nothing else. What is out of reach is
answered as if it did not exist. Where a command answers the same question, one function of the
workflows is behind both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sync_pipeline.access.answers import Holder, WhoCan
from sync_pipeline.access.folding import Fold, first_of
from sync_pipeline.access.questions import Search
from sync_pipeline.access.telling import Telling, gaps_once
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.finding import Review
from sync_pipeline.model.imported import ImportedSession
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.moment import read_past
from sync_pipeline.model.origin import Origin
from sync_pipeline.model.page import (
    InstanceLine,
    InstanceQuestion,
    InstanceState,
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
from sync_pipeline.model.snapshot import SectionState
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.workflows.answers import access
from sync_pipeline.workflows.console.accounts import AccountAnswers, unread_of
from sync_pipeline.workflows.console.capacity import CapacityAnswers
from sync_pipeline.workflows.console.changes import ChangeAnswers
from sync_pipeline.workflows.console.findings import FindingAnswers
from sync_pipeline.workflows.console.imported import ImportedAnswers
from sync_pipeline.workflows.console.lacks import KeptLacks
from sync_pipeline.workflows.console.looking import Looking, Lots
from sync_pipeline.workflows.console.today import TodayAnswers
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Hold, held_by_breaker, holds

LAST_RECORDS = 10
_KINDS = (
    *("database", "schema", "table", "view", "column", "sequence", "function", "procedure"),
    "server",
)
_DATABASE = _KINDS[0]


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
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """One session with how its records ended; its runs are for who may see all of it."""

    session: Session
    kinds: tuple[KindCount, ...]
    runs: tuple[SessionRun, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldersQuestion:
    """Who has a privilege on what a text names, or had it at a moment (UTC; None: now).

    `every_holder` is told by itself, `with_system` also the engine's own.
    """

    privilege: str
    text: str
    instances: InstanceQuestion
    at: datetime | None = None
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

    def rows(self) -> int:
        """Return how many holders it has, with all that is granted to each."""
        each = (item.holders if isinstance(item, Fold) else (item,) for item in self.page.items)
        return 1 + sum(1 + len(item.state.grants) for item in chain.from_iterable(each))


class Answers:
    """Answers for one viewer."""

    def __init__(self, deps: SyncDeps, viewer: Viewer) -> None:
        self._deps = deps
        self._store = deps.store
        self.viewer = viewer
        self._reach = viewer.reach
        self.imported = ImportedAnswers(deps, viewer.reach)
        self.accounts = AccountAnswers(deps, viewer.reach)
        self.capacity = CapacityAnswers(deps, viewer.reach)
        self.changes = ChangeAnswers(deps, viewer.reach)
        self.today = TodayAnswers(deps, viewer.reach)
        self.findings = FindingAnswers(deps, self._reach)

    @property
    def sees_everything(self) -> bool:
        """Return whether the viewer is limited to no tags."""
        return self._reach.is_everything

    def moment(self, text: str) -> datetime | None:
        """Return the moment that a text means, as the command reads it; None: there is no text.

        Raises:
            ConfigurationError: it means none, or one that has not come yet.
        """
        return read_past(text, self._deps.clock()) if text else None

    def instances(
        self, asked: InstanceQuestion, place: Place
    ) -> tuple[Page[InstanceLine], dict[int, Hold]]:
        """Return a page of instances, and by id what holds them back."""
        windows = self._store.maintenance.active(self._deps.clock())
        held = held_by_breaker(self._deps) if asked.state is InstanceState.HELD else ()
        page = self._store.instance_pages.page(self._reach, asked, windows, place, list(held))
        return page, holds(self._deps, [line.instance for line in page.items])

    def names(self, beginning: str, most: int) -> list[str]:
        """Return the names of instances that begin so, in order."""
        return self._store.instance_pages.names(self._reach, beginning, most)

    def objects(self, beginning: str, most: int) -> list[str]:
        """Return the first texts that begin so of what a privilege may be on.

        Of databases the names are known by index, and of the others the kinds alone.
        """
        kind, colon, name = beginning.partition(":")
        if colon and kind.casefold() == _DATABASE:
            name = name.removeprefix('"').replace('""', '"')
            found = self._store.object_names.databases(self._reach, name, most)
            return [f"{kind}:{_part(item)}" for item in found]
        kinds = [f"{item}:" for item in _KINDS]
        return [item for item in kinds if item.startswith(beginning.casefold())][:most]

    def instance(self, name: str, place: Place) -> InstanceAnswer | None:
        """Return all of one instance, with a page of what its server is set to; None: none."""
        found = self._store.instance_pages.named(self._reach, name)
        if found is None:
            return None
        return InstanceAnswer(
            line=self._store.instance_pages.line(found),
            hold=holds(self._deps, [found])[found.id],
            gone_accounts=self._store.instance_pages.account_counts(found.id)[1],
            unread=unread_of(self._store.accounts.sections(found.id)),
            databases=tuple(self._store.size_queries.databases(found.name)),
            records=tuple(self._store.session_pages.last_of(found, LAST_RECORDS)),
            review=self.findings.review([found]),
            server=self._server(found, place),
            origin=self._store.origins.of(found.id),
        )

    def _server(self, instance: Instance, place: Place) -> Page[tuple[ServerFact, datetime]]:
        key = checked_key(place.after, str, str, str, str, int)
        found = self._store.server_facts.of(instance.id)
        return page_of_list(found, Place(place.limit, key), _fact_key)

    def sessions(self, asked: SessionQuestion, place: Place) -> Page[Session | ImportedSession]:
        """Return a page of sessions, imported ones among them."""
        return self.imported.sessions(asked, place)

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

    def who_can(self, asked: HoldersQuestion, place: Place) -> HoldersAnswer:
        """Return a page of holders.

        A page looks through so many instances and no more: it may have no row and a next page.

        Raises:
            ConfigurationError: the text can't be read, or names nothing on any instance of the
                last page; the moment has not come, or is before what is kept.
        """
        if asked.at is None:
            return self._who_can(asked, place)
        # Nothing of a past moment becomes another one by the time.
        return self._store.remember(
            ("who can", self._reach, asked, place),
            lambda: self._who_can(asked, place),
            HoldersAnswer.rows,
        )

    def _who_can(self, asked: HoldersQuestion, place: Place) -> HoldersAnswer:
        key = checked_key(place.after, str, int)
        since, shown = (str(key[0]), int(key[1])) if key else (None, 0)
        pages = self._store.instance_pages
        lots = Lots(
            lambda most, begin: pages.chosen(self._reach, asked.instances, most, begin, asked.at),
            since,
        )
        skipped = shown if lots.known and lots.known[0].name == since else 0
        looking = Looking()
        lacks = KeptLacks(self._deps, asked.text)
        search = access.search(
            self._deps, asked.privilege, asked.text, lots, asked.at, looking.some, lacks
        )
        telling = Telling[Holder | Fold](
            lambda item: [item],
            is_alone=bool(asked.instances.names) or self._is_one(asked, lots),
            every_holder=asked.every_holder,
            is_folded=not asked.every_holder,
            how="Name the instance, or ask for all holders, to see them.",
        )
        kept: list[Holder | Fold] = []
        try:
            for item in _each(search, telling, with_system=asked.with_system):
                if first_of(item).instance == since and skipped:
                    skipped -= 1
                    continue
                kept.append(item)
                if len(kept) > place.limit:
                    break
        except ConfigurationError:
            # It may name something on an instance of another page.
            if lots.after(looking.count) is None and since is None:
                raise
        names = tuple(item.name for item in lots.known[: looking.count])
        found = search.answer()
        notes = (*gaps_once(found), *telling.notes(found))
        if len(kept) <= place.limit:
            more = lots.after(looking.count)
            following = None if more is None else (more, 0)
            return HoldersAnswer(Page(tuple(kept), following), found, notes, names)
        page = kept[: place.limit]
        last = first_of(page[-1]).instance
        count = sum(first_of(item).instance == last for item in page)
        count += shown if last == since else 0
        return HoldersAnswer(Page(tuple(page), (last, count)), found, notes, names)

    def _is_one(self, asked: HoldersQuestion, lots: Lots) -> bool:
        """Return whether a question is of one instance: a later page does not know the first."""
        if len(lots.known) > 1:
            return False
        chosen = self._store.instance_pages.chosen(self._reach, asked.instances, 2, None, asked.at)
        return len(chosen) == 1


def _part(name: str) -> str:
    """Return a name as a part of the text of an object: in quotes where it has to be."""
    is_plain = all(part.isidentifier() for part in name.split("-"))
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def _fact_key(item: tuple[ServerFact, datetime]) -> tuple[str, str, str, str]:
    fact, _ = item
    return fact.name, fact.database, fact.subject, fact.value


def _each(
    search: Search, telling: Telling[Holder | Fold], *, with_system: bool
) -> Iterator[Holder | Fold]:
    """Yield what is told, and at the end what is told for want of better."""
    holders = (item for item in search.holders() if with_system or not item.is_own)
    for _, rows in telling.told(holders):
        yield from rows
    for _, rows in telling.for_want(search.answer()):
        yield from rows
