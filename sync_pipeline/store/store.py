"""The store as a whole: open it once, share it between threads."""

from __future__ import annotations

from sync_pipeline.store.access import AccessReads
from sync_pipeline.store.accounts import AccountStore
from sync_pipeline.store.classes import ClassStore
from sync_pipeline.store.daemon.lease import lease_register
from sync_pipeline.store.daemon.ticks import TickStore
from sync_pipeline.store.database import Database
from sync_pipeline.store.leases import LeaseStore
from sync_pipeline.store.metrics import MetricsStore
from sync_pipeline.store.registry import Registry
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.sessions.reads import SessionReads
from sync_pipeline.store.sessions.sessions import SessionStore
from sync_pipeline.store.sizes.aggregations import AggregationStore
from sync_pipeline.store.sizes.queries import SizeQueries
from sync_pipeline.store.sizes.retention import RetentionStore
from sync_pipeline.store.sizes.sizes import SizeStore
from sync_pipeline.store.watch.freshness import FreshnessStore
from sync_pipeline.store.watch.streaks import StreakStore
from sync_pipeline.store.watch.windows import MaintenanceStore


class Store:
    """Everything that sync_pipeline remembers."""

    def __init__(self, database: Database) -> None:
        ends = RecordEnds(database)
        self._database = database
        self.registry = Registry(database)
        self.sessions = SessionStore(database, ends)
        self.session_reads = SessionReads(database)
        self.accounts = AccountStore(database, ends)
        self.access = AccessReads(database)
        self.classes = ClassStore(database)
        self.leases = LeaseStore(database)
        self.streaks = StreakStore(database)
        self.maintenance = MaintenanceStore(database)
        self.sizes = SizeStore(database, ends)
        self.size_queries = SizeQueries(database)
        self.aggregations = AggregationStore(database)
        self.retention = RetentionStore(database)
        self.freshness = FreshnessStore(database)
        self.ticks = TickStore(database)
        self.daemon_lease = lease_register(database)
        self.metrics = MetricsStore(database)

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

    @property
    def schema_revision(self) -> str | None:
        """Return the Alembic revision of the tables."""
        return self._database.revision()

    def close(self) -> None:
        """Give every connection back."""
        self.daemon_lease.close()
        self._database.close()
