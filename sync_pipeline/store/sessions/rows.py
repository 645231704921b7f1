"""Between the rows of sessions and records and what they mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from sync_pipeline.model.session import (
    InstanceRecord,
    NewSession,
    RecordAttempt,
    RecordStatus,
    Session,
    SessionStatus,
    SyncCategory,
    SyncCounters,
    SyncType,
)


def new_row(new: NewSession, now: datetime) -> dict[str, Any]:
    """Return the row of a session that nothing has been done for yet."""
    return {
        "session_id": new.session_id,
        "sync_type": str(new.sync_type),
        "sync_category": str(new.category),
        "status": str(SessionStatus.PENDING),
        "started_at": now,
        "total_instances": 0,
        "successful_instances": 0,
        "failed_instances": 0,
        "skipped_instances": 0,
        "cancelled_instances": 0,
        "created_by": new.created_by,
        "job_name": new.job_name,
        "run_id": new.run_id,
        "partition_key": new.partition_key,
        "shard_count": new.shard.count,
        "repeats": new.repeats,
    }


def session_of(row: Row[Any]) -> Session:
    """Return the session of a row of `sync_sessions`."""
    return Session(
        session_id=row.session_id,
        sync_type=SyncType(row.sync_type),
        category=SyncCategory(row.sync_category),
        status=SessionStatus(row.status),
        started_at=row.started_at,
        completed_at=row.completed_at,
        total=row.total_instances,
        successful=row.successful_instances,
        failed=row.failed_instances,
        skipped=row.skipped_instances,
        cancelled=row.cancelled_instances,
        job_name=row.job_name,
        run_id=row.run_id,
        created_by=row.created_by,
        partition_key=row.partition_key,
        error=row.error,
        shards=row.shard_count,
        repeats=row.repeats,
    )


def record_of(row: Row[Any]) -> InstanceRecord:
    """Return the record of a row of `sync_instance_records`."""
    return InstanceRecord(
        session_id=row.session_id,
        instance_id=row.instance_id,
        instance_name=row.instance_name,
        category=SyncCategory(row.sync_category),
        status=RecordStatus(row.status),
        attempt=row.attempt,
        started_at=row.started_at,
        completed_at=row.completed_at,
        counters=SyncCounters(
            row.items_synced, row.items_created, row.items_updated, row.items_deleted
        ),
        error_kind=row.error_kind,
        error_message=row.error_message,
        details=row.sync_details,
        shard=row.shard,
        run_id=row.run_id,
    )


def attempt_of(row: Row[Any]) -> RecordAttempt:
    """Return the attempt of a row of `sync_record_attempts` with the instance's name."""
    return RecordAttempt(
        session_id=row.session_id,
        instance_id=row.instance_id,
        instance_name=row.instance_name,
        attempt=row.attempt,
        run_id=row.run_id,
        status=RecordStatus(row.status),
        started_at=row.started_at,
        ended_at=row.ended_at,
        error_kind=row.error_kind,
        error_message=row.error_message,
    )
