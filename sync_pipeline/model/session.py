"""Sync sessions and their instance records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Self

from sync_pipeline import categories
from sync_pipeline.model.shard import WHOLE, Shard

NO_INSTANCE = "No active instance matched, so there was nothing to sync."
UNEXPECTED = "unexpected"
"""The kind of a failure that is none of our errors."""
UNOPENED = "The run ended before it opened its session."


class SyncType(StrEnum):
    """How a session was launched."""

    SCHEDULED_TASK = "scheduled_task"
    MANUAL_TASK = "manual_task"
    MANUAL_BATCH = "manual_batch"
    MANUAL_SINGLE = "manual_single"
    BACKFILL = "backfill"


class SyncCategory(str):
    """What a session syncs, by the name of its row in `categories.py`; equal ones are identical.

    A name without a row is one of another version's: it is kept and shown.
    """

    __slots__ = ()
    ACCOUNT: ClassVar[SyncCategory]
    CAPACITY: ClassVar[SyncCategory]
    AGGREGATION: ClassVar[SyncCategory]

    @classmethod
    @cache
    def _of(cls, name: str) -> Self:
        return super().__new__(cls, name)

    def __new__(cls, name: str) -> Self:
        """Return the category of a name."""
        return cls._of(str(name))


SyncCategory.ACCOUNT = SyncCategory(categories.ACCOUNT.name)
SyncCategory.CAPACITY = SyncCategory(categories.CAPACITY.name)
SyncCategory.AGGREGATION = SyncCategory(categories.AGGREGATION.name)


class SessionStatus(StrEnum):
    """States of a session."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Return whether the session has ended."""
        return self in (self.COMPLETED, self.FAILED, self.CANCELLED)


class RecordStatus(StrEnum):
    """States of an instance record."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_terminal(self) -> bool:
        """Return whether the record has ended."""
        return self not in (self.PENDING, self.RUNNING)


@dataclass(frozen=True, slots=True)
class NewSession:
    """What opening a session needs.

    `session_id` is the id of the Dagster run that begins it, or one that all runs of the
    session share. `repeats` is the session that it does again.
    """

    session_id: str
    sync_type: SyncType
    category: SyncCategory
    job_name: str
    run_id: str
    created_by: str | None = None
    partition_key: str | None = None
    shard: Shard = WHOLE
    repeats: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A sync session as the store holds it; counts are derived from its records.

    `run_id` is the newest run that worked on it, `shards` over how many runs it is cut,
    `repeats` the session that it does again.
    """

    session_id: str
    sync_type: SyncType
    category: SyncCategory
    status: SessionStatus
    started_at: datetime
    completed_at: datetime | None
    total: int
    successful: int
    failed: int
    skipped: int
    cancelled: int
    job_name: str
    run_id: str
    created_by: str | None = None
    partition_key: str | None = None
    error: str | None = None
    shards: int = 1
    repeats: str | None = None


@dataclass(frozen=True, slots=True)
class SessionRun:
    """One run of a session.

    `started_at` is None where the run ended before it opened the session, `run_id` where
    the run was never launched.
    """

    session_id: str
    shard: int
    run_id: str | None
    status: SessionStatus
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class StepFailure:
    """Why the step of an instance failed, as the log of its run has it."""

    instance_id: int
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SyncCounters:
    """Counters of one record, with the meaning its category gives them."""

    items_synced: int = 0
    items_created: int = 0
    items_updated: int = 0
    items_deleted: int = 0


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """The outcome of one instance in one session."""

    session_id: str
    instance_id: int
    instance_name: str
    category: SyncCategory
    status: RecordStatus
    attempt: int
    started_at: datetime | None = None
    completed_at: datetime | None = None
    counters: SyncCounters = field(default_factory=SyncCounters)
    error_kind: str | None = None
    error_message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    shard: int = 1
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """How an attempt at a record ended after which there was another one.

    `attempt` is 0 where the run ended before it began with the instance, `run_id` None where
    the run was never launched, and `ended_at` None where that was not noted.
    """

    session_id: str
    instance_id: int
    instance_name: str
    attempt: int
    run_id: str | None
    status: RecordStatus
    started_at: datetime | None
    ended_at: datetime | None
    error_kind: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """Proof that a worker holds the newest attempt of a record: the write fence."""

    session_id: str
    instance_id: int
    instance_name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """How the work on one instance ended; `status` is a terminal one."""

    status: RecordStatus
    counters: SyncCounters = field(default_factory=SyncCounters)
    error_kind: str | None = None
    error_message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to list, newest first, at most `limit`.

    `instances` are the names of those of which a session has one at least; None: all.
    """

    category: SyncCategory | None = None
    status: SessionStatus | None = None
    instances: tuple[str, ...] | None = None
    limit: int = 50
