"""A fleet with sessions as large as a test wants, written in a few statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    NewSession,
    RecordStatus,
    Session,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import account_change_log, sync_sessions
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.store_bench import START, StoreBench, new_id

TIMINGS = {"connect_seconds": 0.02, "collect_seconds": 0.4, "total_seconds": 3.0}


@dataclass
class WatchBench:
    """One store, and a clock that the test sets."""

    store: Store
    home: Path
    now: datetime = START
    settings: Settings = field(init=False)
    deps: SyncDeps = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home)
        vault = SecretVault.open(self.settings)
        self.deps = SyncDeps(self.store, vault, self.settings, lambda: self.now)

    def fleet(self, *names: str) -> list[Instance]:
        return StoreBench(self.store, self.now).fleet(*names)

    def wait(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    def session(
        self,
        outcomes: Iterable[tuple[Instance, RecordStatus]],
        category: SyncCategory = SyncCategory.ACCOUNT,
        *,
        status: SessionStatus = SessionStatus.COMPLETED,
        sync_type: SyncType = SyncType.SCHEDULED_TASK,
        kinds: Mapping[RecordStatus, str] | None = None,
        seconds: float = 60,
    ) -> Session:
        """Write a session that ends now with these outcomes."""
        rows = list(outcomes)
        kinds = kinds or {}
        begun = self.now - timedelta(seconds=seconds)
        session_id = new_id()
        new = NewSession(session_id, sync_type, category, f"{category}_sync", session_id)
        self.store.sessions.open(new, [instance for instance, _ in rows], begun)
        counts = {kind: sum(found is kind for _, found in rows) for kind in RecordStatus}
        with self.store._database.write() as connection:
            for kind in RecordStatus:
                chosen = [instance.id for instance, found in rows if found is kind]
                connection.execute(
                    update(records)
                    .where(records.c.session_id == session_id, records.c.instance_id.in_(chosen))
                    .values(self._outcome(kind, kinds.get(kind)))
                )
            connection.execute(
                update(sync_sessions)
                .where(sync_sessions.c.session_id == session_id)
                .values(
                    status=str(status),
                    completed_at=self.now if status.is_terminal else None,
                    successful_instances=counts[RecordStatus.COMPLETED],
                    failed_instances=counts[RecordStatus.FAILED],
                    skipped_instances=counts[RecordStatus.SKIPPED],
                    cancelled_instances=counts[RecordStatus.CANCELLED],
                )
            )
        found = self.store.sessions.get(session_id)
        assert found is not None
        return found

    def changes(self, session: Session, instance: Instance, kinds: Sequence[str]) -> None:
        row = {
            "instance_id": instance.id,
            "account_name": "a",
            "diff": {},
            "lines": [],
            "session_id": session.session_id,
            "changed_at": self.now,
        }
        with self.store._database.write() as connection:
            rows = [{**row, "change_type": kind} for kind in kinds]
            connection.execute(insert(account_change_log), rows)

    def _outcome(self, status: RecordStatus, kind: str | None) -> dict[str, Any]:
        return {
            "status": str(status),
            "started_at": self.now,
            "completed_at": self.now if status.is_terminal else None,
            "error_kind": kind,
            "error_message": kind,
            "sync_details": {"timings": TIMINGS} if status is RecordStatus.COMPLETED else {},
        }


def completed(fleet: Iterable[Instance]) -> list[tuple[Instance, RecordStatus]]:
    return [(item, RecordStatus.COMPLETED) for item in fleet]
