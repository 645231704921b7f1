"""The store as a whole: open it once, share it between threads.

Its parts are imported when they are first asked for: a command asks for one or two of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sync_pipeline.store.database import Database

if TYPE_CHECKING:
    from sync_pipeline.model.backup import Keeper
    from sync_pipeline.model.store_look import StoreLook
    from sync_pipeline.store.access import AccessReads
    from sync_pipeline.store.accounts import AccountStore
    from sync_pipeline.store.change_retention import ChangeRetention
    from sync_pipeline.store.classes import ClassStore
    from sync_pipeline.store.console.accounts import AccountPages
    from sync_pipeline.store.console.by_topic import RememberedByTopic
    from sync_pipeline.store.console.capacity import CapacityPages
    from sync_pipeline.store.console.changes import ChangePages
    from sync_pipeline.store.console.findings import FindingPages
    from sync_pipeline.store.console.imported import ImportedPages
    from sync_pipeline.store.console.instances import InstancePages
    from sync_pipeline.store.console.looked import LookedThrough
    from sync_pipeline.store.console.objects import ObjectNames
    from sync_pipeline.store.console.sessions import SessionPages
    from sync_pipeline.store.console.today import Overview
    from sync_pipeline.store.console.tokens import TokenStore
    from sync_pipeline.store.daemon.lease import RowLease
    from sync_pipeline.store.daemon.lease_file import FileLease
    from sync_pipeline.store.daemon.ticks import TickStore
    from sync_pipeline.store.events.events import EventStore
    from sync_pipeline.store.events.news_retention import NewsRetention
    from sync_pipeline.store.events.outbox import OutboxStore
    from sync_pipeline.store.histories import HistoryReads
    from sync_pipeline.store.holders import HolderStore
    from sync_pipeline.store.imports.imports import ImportStore
    from sync_pipeline.store.imports.reads import ImportReads
    from sync_pipeline.store.leases import LeaseStore
    from sync_pipeline.store.metrics import MetricsStore
    from sync_pipeline.store.origins import OriginStore
    from sync_pipeline.store.past import PastReads
    from sync_pipeline.store.reads import ReadStore
    from sync_pipeline.store.registry import Registry
    from sync_pipeline.store.reviews.acceptances import AcceptanceStore
    from sync_pipeline.store.reviews.counted import FindingNumbersStore
    from sync_pipeline.store.reviews.lives import FindingLives
    from sync_pipeline.store.reviews.reviews import ReviewStore
    from sync_pipeline.store.server_facts import ServerFactStore
    from sync_pipeline.store.sessions.ends import RecordEnds
    from sync_pipeline.store.sessions.reads import SessionReads
    from sync_pipeline.store.sessions.retention import SessionRetention
    from sync_pipeline.store.sessions.sessions import SessionStore
    from sync_pipeline.store.sizes.aggregations import AggregationStore
    from sync_pipeline.store.sizes.fleet import FleetSizes
    from sync_pipeline.store.sizes.periods import PeriodStore
    from sync_pipeline.store.sizes.queries import SizeQueries
    from sync_pipeline.store.sizes.retention import RetentionStore
    from sync_pipeline.store.sizes.sizes import SizeStore
    from sync_pipeline.store.use.use import UseStore
    from sync_pipeline.store.watch.freshness import FreshnessStore
    from sync_pipeline.store.watch.rejections import RejectionStore
    from sync_pipeline.store.watch.report_routes import ReportRouteStore
    from sync_pipeline.store.watch.streaks import StreakStore
    from sync_pipeline.store.watch.windows import MaintenanceStore

PartT = TypeVar("PartT")
ValueT = TypeVar("ValueT")


class _part(Generic[PartT]):  # noqa: N801 - used as a decorator
    """Makes a part of the store when it is first asked for; once, however many threads ask."""

    def __init__(self, make: Callable[[Any], PartT]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, store: Store, _owner: type | None = None) -> PartT:
        with store._making:  # noqa: SLF001 - a part of the class
            made: dict[str, Any] = vars(store)
            if self._name not in made:
                made[self._name] = self._make(store)
            part: PartT = made[self._name]
            return part


class Store:
    """Everything that sync_pipeline remembers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._making = threading.RLock()

    @classmethod
    def open(cls, url: str) -> Store:
        """Open a store by its SQLAlchemy URL, making or upgrading its tables.

        Raises:
            ConfigurationError: the URL is not one of a supported store.
            StoreUnavailable: the store does not answer.
        """
        database = Database(url)
        try:
            database.upgrade()
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def open_to_read(cls, url: str) -> Store:
        """Open a store that is there by its URL; the database refuses whatever would change it.

        Raises:
            ConfigurationError: the URL is not one of a supported store, or the tables are those
                of another version.
            StoreUnavailable: the store does not answer.
        """
        database = Database(url, is_read_only=True)
        try:
            database.require_newest()
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def open_untouched(cls, url: str) -> Store:
        """Open a store to read, so that no file of SQLite's is made, changed or taken away.

        It is for a moment: what others write meanwhile may be missing.

        Raises:
            ConfigurationError: the URL is not one of a supported store, or the tables are those
                of another version.
            StoreUnavailable: the store does not answer.
        """
        checked = Database(url).url
        return cls.open_to_read(cls.untouched(checked.render_as_string(hide_password=False)))

    @staticmethod
    def untouched(url: str) -> str:
        """Return the URL by which a database is read and no file of SQLite's is changed."""
        from sqlalchemy.engine import make_url

        from sync_pipeline.store.untouched import untouched

        return untouched(make_url(url)).render_as_string(hide_password=False)

    @staticmethod
    def look(url: str, seconds: float) -> StoreLook:
        """Return what a store is, whatever version made it; its own check is given so long.

        Raises:
            ConfigurationError: the URL is not one of a supported store.
            StoreUnavailable: the store does not answer.
        """
        from sync_pipeline.store.looking import look_at

        return look_at(url, seconds)

    @staticmethod
    def file_of(url: str) -> Path | None:
        """Return the file of a store in SQLite, where its name leads; None: it is no file.

        Raises:
            ConfigurationError: the URL is not one of a supported store.
        """
        from sync_pipeline.store.untouched import file_of

        database = Database(url)
        return file_of(database.url).resolve() if database.is_sqlite else None

    @staticmethod
    def keeper(url: str) -> Keeper:
        """Return what copies a store, and puts a copy in its place.

        Raises:
            ConfigurationError: the URL is not one of a supported store.
        """
        from sync_pipeline.store.keeping.keepers import keeper_of

        return keeper_of(url)

    @property
    def schema_revision(self) -> str | None:
        """Return the Alembic revision of the tables."""
        return self._database.revision()

    @property
    def is_read_only(self) -> bool:
        """Return whether it was opened to read, so that nothing can be written through it."""
        return self._database.is_read_only

    def remember(
        self,
        key: Hashable,
        made: Callable[[], ValueT],
        rows: Callable[[ValueT], int] | None = None,
    ) -> ValueT:
        """Return what is made of the store, by a key that says all else that it depends on.

        Of a store that was opened to read, the same may be returned until anything is written.
        `rows` returns how much room it takes, in rows, where it is neither rows nor a page.
        """
        kept = self._database.remembered
        return made() if kept is None else kept.of(key, made, rows)

    def one_view(self) -> AbstractContextManager[None]:
        """Let this thread read one state of the store in a block, where that costs less.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return self._database.one_view()

    def close(self) -> None:
        """Give every connection back."""
        if "daemon_lease" in vars(self):
            self.daemon_lease.close()
        self._database.close()

    @_part
    def standings(self) -> RememberedByTopic:
        """Return what was made of sizes, limits and the registry, and of nothing else."""
        from sync_pipeline.store.console.by_topic import RememberedByTopic
        from sync_pipeline.store.topics import Topic

        return RememberedByTopic(self._database, (Topic.SIZES, Topic.PERIODS))

    @_part
    def _ends(self) -> RecordEnds:
        from sync_pipeline.store.sessions.ends import RecordEnds

        return RecordEnds(self._database)

    @_part
    def registry(self) -> Registry:
        """Return credentials and instances."""
        from sync_pipeline.store.registry import Registry

        return Registry(self._database)

    @_part
    def origins(self) -> OriginStore:
        """Return where instances are listed."""
        from sync_pipeline.store.origins import OriginStore

        return OriginStore(self._database)

    @_part
    def sessions(self) -> SessionStore:
        """Return sessions and their records."""
        from sync_pipeline.store.sessions.sessions import SessionStore

        return SessionStore(self._database, self._ends)

    @_part
    def session_retention(self) -> SessionRetention:
        """Return the end of sessions."""
        from sync_pipeline.store.sessions.retention import SessionRetention

        return SessionRetention(self._database)

    @_part
    def session_reads(self) -> SessionReads:
        """Return what people ask about sessions."""
        from sync_pipeline.store.sessions.reads import SessionReads

        return SessionReads(self._database)

    @_part
    def accounts(self) -> AccountStore:
        """Return accounts and their change log."""
        from sync_pipeline.store.accounts import AccountStore

        return AccountStore(self._database, self._ends)

    @_part
    def change_retention(self) -> ChangeRetention:
        """Return the end of the change log."""
        from sync_pipeline.store.change_retention import ChangeRetention

        return ChangeRetention(self._database)

    @_part
    def holders(self) -> HolderStore:
        """Return the table of whose grants were read."""
        from sync_pipeline.store.holders import HolderStore

        return HolderStore(self._database)

    @_part
    def server_facts(self) -> ServerFactStore:
        """Return the table of what servers are set to."""
        from sync_pipeline.store.server_facts import ServerFactStore

        return ServerFactStore(self._database)

    @_part
    def use(self) -> UseStore:
        """Return who uses the accounts of instances."""
        from sync_pipeline.store.use.use import UseStore

        return UseStore(self._database)

    @_part
    def reads(self) -> ReadStore:
        """Return what was read of instances last."""
        from sync_pipeline.store.reads import ReadStore

        return ReadStore(self._database, self._ends)

    @_part
    def access(self) -> AccessReads:
        """Return what accounts can do."""
        from sync_pipeline.store.access import AccessReads

        return AccessReads(self._database)

    @_part
    def histories(self) -> HistoryReads:
        """Return what instances were over time."""
        from sync_pipeline.store.histories import HistoryReads

        return HistoryReads(self._database)

    @_part
    def past(self) -> PastReads:
        """Return what was known at past moments."""
        from sync_pipeline.store.past import PastReads

        return PastReads(self._database)

    @_part
    def acceptances(self) -> AcceptanceStore:
        """Return the findings that commands accepted."""
        from sync_pipeline.store.reviews.acceptances import AcceptanceStore

        return AcceptanceStore(self._database)

    @_part
    def finding_lives(self) -> FindingLives:
        """Return findings over time."""
        from sync_pipeline.store.reviews.lives import FindingLives

        return FindingLives(self._database)

    @_part
    def finding_numbers(self) -> FindingNumbersStore:
        """Return the numbers of findings of the whole fleet."""
        from sync_pipeline.store.reviews.counted import FindingNumbersStore

        return FindingNumbersStore(self._database)

    @_part
    def reviews(self) -> ReviewStore:
        """Return reviews of instances and their findings."""
        from sync_pipeline.store.reviews.reviews import ReviewStore

        return ReviewStore(self._database)

    @_part
    def classes(self) -> ClassStore:
        """Return counts of classes of accounts."""
        from sync_pipeline.store.classes import ClassStore

        return ClassStore(self._database)

    @_part
    def leases(self) -> LeaseStore:
        """Return who syncs which instance."""
        from sync_pipeline.store.leases import LeaseStore

        return LeaseStore(self._database)

    @_part
    def streaks(self) -> StreakStore:
        """Return failures in a row."""
        from sync_pipeline.store.watch.streaks import StreakStore

        return StreakStore(self._database)

    @_part
    def rejections(self) -> RejectionStore:
        """Return what servers rejected."""
        from sync_pipeline.store.watch.rejections import RejectionStore

        return RejectionStore(self._database)

    @_part
    def maintenance(self) -> MaintenanceStore:
        """Return windows of maintenance."""
        from sync_pipeline.store.watch.windows import MaintenanceStore

        return MaintenanceStore(self._database)

    @_part
    def sizes(self) -> SizeStore:
        """Return daily sizes as they are written."""
        from sync_pipeline.store.sizes.sizes import SizeStore

        return SizeStore(self._database, self._ends)

    @_part
    def size_queries(self) -> SizeQueries:
        """Return daily sizes as they are asked for."""
        from sync_pipeline.store.sizes.queries import SizeQueries

        return SizeQueries(self._database)

    @_part
    def fleet_sizes(self) -> FleetSizes:
        """Return daily sizes of many instances, one by one."""
        from sync_pipeline.store.sizes.fleet import FleetSizes

        return FleetSizes(self._database)

    @_part
    def periods(self) -> PeriodStore:
        """Return which periods of the fleet are aggregated."""
        from sync_pipeline.store.sizes.periods import PeriodStore

        return PeriodStore(self._database)

    @_part
    def aggregations(self) -> AggregationStore:
        """Return aggregated periods."""
        from sync_pipeline.store.sizes.aggregations import AggregationStore

        return AggregationStore(self._database)

    @_part
    def retention(self) -> RetentionStore:
        """Return what is pruned."""
        from sync_pipeline.store.sizes.retention import RetentionStore

        return RetentionStore(self._database)

    @_part
    def freshness(self) -> FreshnessStore:
        """Return what is overdue, and what of it was announced."""
        from sync_pipeline.store.watch.freshness import FreshnessStore

        return FreshnessStore(self._database)

    @_part
    def report_routes(self) -> ReportRouteStore:
        """Return which reports were mailed."""
        from sync_pipeline.store.watch.report_routes import ReportRouteStore

        return ReportRouteStore(self._database)

    @_part
    def events(self) -> EventStore:
        """Return what happened that somebody may want to be told."""
        from sync_pipeline.store.events.events import EventStore

        return EventStore(self._database)

    @_part
    def outbox(self) -> OutboxStore:
        """Return what each route has to tell."""
        from sync_pipeline.store.events.outbox import OutboxStore

        return OutboxStore(self._database)

    @_part
    def news_retention(self) -> NewsRetention:
        """Return what is pruned of events and of what was told."""
        from sync_pipeline.store.events.news_retention import NewsRetention

        return NewsRetention(self._database)

    @_part
    def ticks(self) -> TickStore:
        """Return ticks of schedules that were carried out."""
        from sync_pipeline.store.daemon.ticks import TickStore

        return TickStore(self._database)

    @_part
    def daemon_lease(self) -> RowLease | FileLease:
        """Return the lease on being the daemon."""
        from sync_pipeline.store.daemon.lease import lease_register

        return lease_register(self._database)

    @_part
    def metrics(self) -> MetricsStore:
        """Return what Prometheus reads."""
        from sync_pipeline.store.metrics import MetricsStore

        return MetricsStore(self._database)

    @_part
    def tokens(self) -> TokenStore:
        """Return the tokens of the console."""
        from sync_pipeline.store.console.tokens import TokenStore

        return TokenStore(self._database)

    @_part
    def instance_pages(self) -> InstancePages:
        """Return instances as the console lists them."""
        from sync_pipeline.store.console.instances import InstancePages

        return InstancePages(self._database)

    @_part
    def session_pages(self) -> SessionPages:
        """Return sessions as the console lists them."""
        from sync_pipeline.store.console.sessions import SessionPages

        return SessionPages(self._database)

    @_part
    def change_pages(self) -> ChangePages:
        """Return changes as the console lists them."""
        from sync_pipeline.store.console.changes import ChangePages

        return ChangePages(self._database)

    @_part
    def overview(self) -> Overview:
        """Return what the console's first page counts."""
        from sync_pipeline.store.console.today import Overview

        return Overview(self._database)

    @_part
    def looked_through(self) -> LookedThrough:
        """Return what was found by looking through instances."""
        from sync_pipeline.store.console.looked import LookedThrough

        return LookedThrough(self._database)

    @_part
    def account_pages(self) -> AccountPages:
        """Return accounts as the console lists them."""
        from sync_pipeline.store.console.accounts import AccountPages

        return AccountPages(self._database)

    @_part
    def capacity_pages(self) -> CapacityPages:
        """Return sizes and growth as the console lists them."""
        from sync_pipeline.store.console.capacity import CapacityPages

        return CapacityPages(self._database)

    @_part
    def object_names(self) -> ObjectNames:
        """Return the names of databases as forms complete them."""
        from sync_pipeline.store.console.objects import ObjectNames

        return ObjectNames(self._database)

    @_part
    def finding_pages(self) -> FindingPages:
        """Return findings as the console lists those of many instances."""
        from sync_pipeline.store.console.findings import FindingPages

        return FindingPages(self._database)

    @_part
    def imports(self) -> ImportStore:
        """Return what is taken over from another system."""
        from sync_pipeline.store.imports.imports import ImportStore

        return ImportStore(self._database)

    @_part
    def imported_pages(self) -> ImportedPages:
        """Return what was taken over as the console lists it."""
        from sync_pipeline.store.console.imported import ImportedPages

        return ImportedPages(self._database)

    @_part
    def imported(self) -> ImportReads:
        """Return what was taken over, as it is shown."""
        from sync_pipeline.store.imports.reads import ImportReads

        return ImportReads(self._database)
