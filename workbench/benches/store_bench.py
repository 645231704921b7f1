"""A store with a small fleet and sessions, as the store's tests drive it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sync_pipeline.engines.powers import power_words
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import Reconciliation
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.session import (
    InstanceRecord,
    NewSession,
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    Session,
    SyncCategory,
    SyncCounters,
    SyncType,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.syncing.told import Told

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CREDENTIAL = StoredCredential("monitor", "watcher", "env:WATCHER")
DONE = RecordOutcome(RecordStatus.COMPLETED, SyncCounters(3, 2, 1, 0), details={"warnings": []})
FAILED = RecordOutcome(RecordStatus.FAILED, error_kind="connect", error_message="refused")


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


def new_id() -> str:
    return str(uuid4())


def an_instance(name: str, engine: EngineName = EngineName.POSTGRESQL) -> Instance:
    return Instance(0, name, engine, "127.0.0.1", 5432, CREDENTIAL.name)


def an_account(name: str, *, is_locked: bool = False) -> AccountState:
    return AccountState(name, AccountKind.USER, can_login=True, is_locked=is_locked)


def new_session(session_id: str, run_id: str | None = None) -> NewSession:
    return NewSession(
        session_id,
        SyncType.MANUAL_TASK,
        SyncCategory.ACCOUNT,
        "account_sync",
        run_id or session_id,
    )


@dataclass
class StoreBench:
    """One store, and a clock that the test sets."""

    store: Store
    now: datetime = START

    def fleet(self, *names: str) -> list[Instance]:
        self.store.registry.put_credential(CREDENTIAL, self.now)
        self.store.registry.put_instances([an_instance(name) for name in names], self.now)
        found = {item.name: item for item in self.store.registry.instances()}
        return [found[name] for name in names]

    def open(
        self, fleet: list[Instance], session_id: str | None = None, run_id: str | None = None
    ) -> Session:
        new = new_session(session_id or new_id(), run_id)
        return self.store.sessions.open(new, fleet, self.now)

    def claim(self, session: Session, instance: Instance, run_id: str | None = None) -> RecordClaim:
        return self.store.sessions.claim(
            session.session_id, instance.id, run_id or session.session_id, self.now
        )

    def session(self, session_id: str) -> Session:
        found = self.store.sessions.get(session_id)
        assert found is not None
        return found

    def record(self, session_id: str, instance: Instance) -> InstanceRecord:
        records = self.store.sessions.records(session_id)
        return next(item for item in records if item.instance_id == instance.id)

    def reconciled(
        self, instance: Instance, *states: AccountState, observed_at: datetime
    ) -> Reconciliation:
        return self.compared(instance, whole_snapshot(states, observed_at))

    def compared(self, instance: Instance, snapshot: Snapshot) -> Reconciliation:
        """Compare a snapshot with what the store knows, as a sync does."""
        accounts = self.store.accounts
        ever_read = {item.key for item in accounts.sections(instance.id) if item.last_read_at}
        scope = Scope.of((), ())
        words = power_words(instance.engine)
        known = accounts.known(instance.id)
        return reconcile(known, snapshot, scope, ever_read, words=words)

    def apply(self, instance: Instance, *states: AccountState) -> Session:
        """Sync one instance, in a session of its own, to these accounts."""
        session = self.open([instance])
        claim = self.claim(session, instance)
        self.apply_claimed(claim, instance, *states)
        return self.session(session.session_id)

    def apply_claimed(
        self, claim: RecordClaim, instance: Instance, *states: AccountState
    ) -> Reconciliation:
        return self.apply_snapshot(claim, instance, whole_snapshot(states, self.now))

    def apply_snapshot(
        self, claim: RecordClaim, instance: Instance, snapshot: Snapshot
    ) -> Reconciliation:
        """Write what was collected of an instance, as its sync does."""
        result = self.compared(instance, snapshot)
        version, observed_at = snapshot.server.version, snapshot.observed_at
        done = replace(DONE, details=told_of(snapshot, instance.engine).details(result))
        self.store.accounts.apply(instance.id, result, claim, done, observed_at, version, self.now)
        return result


def told_of(snapshot: Snapshot, engine: EngineName = EngineName.POSTGRESQL) -> Told:
    """Return what the record of a sync that read a snapshot tells."""
    return Told(engine, snapshot.server, snapshot.unread, snapshot.noted, (), (), 0, {})


def whole_snapshot(states: tuple[AccountState, ...], observed_at: datetime) -> Snapshot:
    """Return a snapshot of which every section was read."""
    return Snapshot(
        server=ServerIdentity("18.0", (18, 0)),
        observed_at=observed_at,
        accounts=states,
        sections={SectionKey(name): SectionReport(SectionStatus.READ) for name in SectionName},
    )
