"""One instance whose sizes a test collects and aggregates as the jobs do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import uuid4

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import InstanceRecord, NewSession, SyncCategory, SyncType
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.aggregation import (
    AggregationReport,
    PeriodChoice,
    aggregate_instance,
)
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from sync_pipeline.workflows.syncing.sizes import SizeReport, sync_instance_sizes
from workbench.servers.running import RunningServer


@dataclass
class SizeBench:
    """A store, a clock that the test sets, and one instance called `measured`."""

    store: Store
    settings: Settings
    server: RunningServer
    now: datetime
    deps: SyncDeps = field(init=False)
    last_session: str = ""

    def __post_init__(self) -> None:
        vault = SecretVault.open(self.settings)
        self.deps = SyncDeps(self.store, vault, self.settings, lambda: self.now)
        secret = vault.seal(Secret(self.server.admin_password))
        credential = StoredCredential("admin", self.server.admin_user, secret)
        self.store.registry.put_credential(credential, self.now)
        instance = Instance(
            id=0,
            name="measured",
            engine=self.server.engine,
            host=self.server.host,
            port=self.server.port,
            credential="admin",
            tls=TlsOptions(TlsMode.DISABLE),
        )
        self.store.registry.put_instances([instance], self.now)

    @property
    def instance(self) -> Instance:
        (found,) = (i for i in self.store.registry.instances() if i.name == "measured")
        return found

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def open(self, category: SyncCategory) -> InstanceWork:
        """Open a session of the instance, and return its part in it."""
        session_id = self.last_session = str(uuid4())
        new = NewSession(session_id, SyncType.MANUAL_TASK, category, str(category), session_id)
        self.store.sessions.open(new, [self.instance], self.now)
        return InstanceWork(self.instance, session_id, session_id, category)

    def collect(self, *, is_forced: bool = False) -> SizeReport:
        work = self.open(SyncCategory.CAPACITY)
        return sync_instance_sizes(self.deps, work, is_forced=is_forced)

    def aggregate(self, periods: PeriodRange | None = None) -> AggregationReport:
        work = self.open(SyncCategory.AGGREGATION)
        return aggregate_instance(self.deps, work, PeriodChoice(periods))

    def record(self, session_id: str = "") -> InstanceRecord:
        """Return the record of a session, of the last one where none is named."""
        (record,) = self.store.sessions.records(session_id or self.last_session)
        return record

    def aggregations(self, kind: PeriodType, database: str | None = "") -> list[Aggregation]:
        return self.store.aggregations.find(kind, date.min, date.max, "measured", database)
