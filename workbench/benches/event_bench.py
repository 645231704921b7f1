"""An instance that is synced from records, as its sync does it, and the events that it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.event import Event, EventOrigin
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.classification import classify_sync
from sync_pipeline.workflows.answers.reviewing import powers_unreviewed, review_of_sync
from sync_pipeline.workflows.answers.sync_news import SyncNews
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.account_events import everybodys_events
from workbench.benches.noticed import noticed_since
from workbench.benches.store_bench import CREDENTIAL, DONE, START, StoreBench, whole_snapshot
from workbench.strategies.any_engine import newest

UNREAD = SectionReport(SectionStatus.DENIED, "not granted")
READ = SectionReport(SectionStatus.READ)


@dataclass
class NewsBench:
    """One instance of an engine; `sync` returns the events of that sync alone.

    `more` are sections that there are beside those of the server.
    Without `is_told` nothing is told, so that it can be seen what events cost.
    """

    store: Store
    home: Path
    engine: EngineName = EngineName.POSTGRESQL
    now: datetime = START
    unread: frozenset[SectionKey] = frozenset()
    more: frozenset[SectionKey] = frozenset()
    facts: tuple[ServerFact, ...] = ()
    is_told: bool = True
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home)
        self.bench = StoreBench(self.store)
        self.store.registry.put_credential(CREDENTIAL, self.now)
        instance = Instance(0, "shop-db", self.engine, "127.0.0.1", 5432, CREDENTIAL.name)
        self.store.registry.put_instances([instance], self.now)

    @property
    def instance(self) -> Instance:
        found = self.store.registry.instance("shop-db")
        assert found is not None
        return found

    @property
    def deps(self) -> SyncDeps:
        vault = SecretVault.open(self.settings)
        return SyncDeps(self.store, vault, self.settings, lambda: self.now)

    def snapshot(self, states: Iterable[AccountState]) -> Snapshot:
        whole = whole_snapshot(tuple(states), self.now)
        keys = (*whole.sections, *self.more)
        sections = {key: UNREAD if key in self.unread else READ for key in keys}
        version = newest(self.engine)
        numbers = tuple(int(part) for part in version.split(".")[:2])
        server = ServerIdentity(version, numbers, platform=Platform.SELF_RUN)
        return replace(whole, server=server, sections=sections, server_facts=self.facts)

    def sync(self, *states: AccountState) -> list[Event]:
        """Write accounts as a sync does, and return what it tells."""
        self.write(*states)
        return self.events(self.now)

    def write(self, *states: AccountState) -> None:
        """Write accounts as a sync that compares them does."""
        self.now += timedelta(minutes=30)
        self.bench.now = self.now
        instance, deps, accounts = self.instance, self.deps, self.store.accounts
        session = self.bench.open([instance])
        claim = self.bench.claim(session, instance)
        mark, known = accounts.mark(instance.id), accounts.all_known(instance.id)
        sections = accounts.sections(instance.id)
        snapshot = self.snapshot(states)
        result = self.bench.compared(instance, snapshot)
        origin = EventOrigin(instance.id, instance.name, self.now, session.session_id, "run")
        news = SyncNews.of(deps, origin, sections, result) if self.is_told else None
        classes = classify_sync(deps, instance, lambda: known.accounts, result, snapshot, news)
        review = review_of_sync(
            deps, instance, mark, lambda: known.accounts, result, snapshot, news
        )
        events = (*everybodys_events(instance, result, snapshot, news), *classes.events)
        if review is None:
            args = deps, instance, lambda: known.accounts, result, snapshot, news
            events = (*powers_unreviewed(*args), *events)
        accounts.apply(
            *(instance.id, result, claim, DONE, self.now, snapshot.server.version, self.now),
            known=known,
            review=review,
            facts=snapshot.server_facts,
            events=events,
        )

    def events(self, since: datetime = START) -> list[Event]:
        return [item.event for item in noticed_since(self.store, since)]


def told(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """Return the kind, account and subject of events, in order."""
    return sorted((str(item.kind), item.account, item.subject) for item in events)
