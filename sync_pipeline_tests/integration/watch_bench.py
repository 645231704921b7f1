"""A fleet with sessions as large as a test wants, written in a few statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    RecordStatus,
    Session,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.database import insert_rows
from sync_pipeline.store.schema import account_change_log, sync_instance_records, sync_sessions
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline_tests.integration.store_bench import START, StoreBench, new_id

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
        session_id, kinds = new_id(), kinds or {}
        counts = {kind: sum(found is kind for _, found in rows) for kind in RecordStatus}
        begun = self.now - timedelta(seconds=seconds)
        with self.store._database.write() as connection:
            connection.execute(
                insert(sync_sessions).values(
                    session_id=session_id,
                    sync_type=str(sync_type),
                    sync_category=str(category),
                    status=str(status),
                    started_at=begun,
                    completed_at=self.now if status.is_terminal else None,
                    total_instances=len(rows),
                    successful_instances=counts[RecordStatus.COMPLETED],
                    failed_instances=counts[RecordStatus.FAILED],
                    skipped_instances=counts[RecordStatus.SKIPPED],
                    cancelled_instances=counts[RecordStatus.CANCELLED],
                    job_name=f"{category}_sync",
                    run_id=session_id,
                    heartbeat_at=self.now,
                )
            )
            written = [
                self._record(session_id, category, *row, kind=kinds.get(row[1])) for row in rows
            ]
            insert_rows(connection, sync_instance_records, written)
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

    def _record(
        self,
        session_id: str,
        category: SyncCategory,
        instance: Instance,
        status: RecordStatus,
        kind: str | None,
    ) -> dict[str, Any]:
        return {
            "session_id": session_id,
            "instance_id": instance.id,
            "instance_name": instance.name,
            "sync_category": str(category),
            "status": str(status),
            "attempt": 1,
            "started_at": self.now,
            "completed_at": self.now if status.is_terminal else None,
            "items_synced": 0,
            "items_created": 0,
            "items_updated": 0,
            "items_deleted": 0,
            "error_kind": kind,
            "error_message": kind,
            "sync_details": {"timings": TIMINGS} if status is RecordStatus.COMPLETED else {},
        }


def completed(fleet: Iterable[Instance]) -> list[tuple[Instance, RecordStatus]]:
    return [(item, RecordStatus.COMPLETED) for item in fleet]
