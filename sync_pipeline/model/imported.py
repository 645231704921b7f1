"""What another system kept, as it is taken over: records, and the tally of what became of them.

Nothing of it is a known state that a sync of ours compares with: it is history that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.period import Period
from sync_pipeline.model.text import shortened

MOST_EXAMPLES = 3
"""Of each reason, how many rows the report names."""
LONGEST_EXAMPLE = 120
MOST_REASONS = 40
OTHER = "other reasons, of which there are too many to tell each"
LABEL = "import:"
"""Before the name of a source, in what says where a day of sizes is from."""


class ImportKind(StrEnum):
    """The kinds of row that are taken over, in their order."""

    CREDENTIALS = "credentials"
    INSTANCES = "instances"
    DATABASES = "databases"
    DATABASE_SIZES = "daily sizes of databases"
    INSTANCE_SIZES = "daily sizes of instances"
    TABLE_SIZES = "last sizes of tables"
    SUMS = "days of instances, summed up"
    COMPUTED = "periods computed from the days"
    DATABASE_PERIODS = "aggregations of databases"
    INSTANCE_PERIODS = "aggregations of instances"
    SESSIONS = "sync sessions"
    RECORDS = "records of sync sessions"
    RUNS = "task runs"
    ITEMS = "items of task runs"
    ACCOUNTS = "accounts"
    CHANGES = "changes of accounts"


@dataclass(slots=True)
class Tally:
    """What became of rows: `new` ones, those that were here (`known`), those that were `left`.

    `left` counts by reason, `notes` what was taken in another way than it stood there; `examples`
    name the first rows of each reason or note.
    """

    new: int = 0
    known: int = 0
    left: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def leave(self, reason: str, example: str = "", count: int = 1) -> None:
        """Count rows that are not taken."""
        self._count(self.left, reason, example, count)

    def note(self, what: str, example: str = "", count: int = 1) -> None:
        """Count rows of which something is to be told."""
        self._count(self.notes, what, example, count)

    def add(self, other: Tally) -> None:
        """Count what another tally counted."""
        self.new += other.new
        self.known += other.known
        for reason, count in other.left.items():
            self.leave(reason, count=count)
        for what, count in other.notes.items():
            self.note(what, count=count)
        for reason, examples in other.examples.items():
            if reason in self.left or reason in self.notes:
                for example in examples:
                    self._example(reason, example)

    @property
    def seen(self) -> int:
        """Return how many rows were looked at."""
        return self.new + self.known + sum(self.left.values())

    def _count(self, counted: dict[str, int], reason: str, example: str, count: int) -> None:
        """Count by reason; one may quote what stands there, so there may be no end of them."""
        own = reason if reason in counted or len(counted) < MOST_REASONS else OTHER
        counted[own] = counted.get(own, 0) + count
        self._example(own, example)

    def _example(self, reason: str, whole: str) -> None:
        example = shortened(whole, LONGEST_EXAMPLE)
        known = self.examples.setdefault(reason, []) if example else []
        if example and len(known) < MOST_EXAMPLES and example not in known:
            known.append(example)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "new": self.new,
            "known": self.known,
            "left": self.left,
            "notes": self.notes,
            "examples": self.examples,
        }

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> Tally:
        """Return what `to_json` wrote."""
        return cls(
            found["new"],
            found["known"],
            dict(found["left"]),
            dict(found["notes"]),
            {name: list(some) for name, some in found["examples"].items()},
        )


@dataclass(frozen=True, slots=True)
class ImportPass:
    """One walk through all that a source has; it ends, or is gone on with (UTC)."""

    source: str
    number: int
    started_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportMark:
    """How far a pass came with one kind, and what became of the rows until there."""

    kind: ImportKind
    place: tuple[str | int, ...] = ()
    is_done: bool = False
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class ImportedInstance:
    """An instance, its number there, and what tells it from one of another store.

    `deleted_at`: it was removed there (UTC).
    """

    source_id: int
    fingerprint: str
    instance: Instance
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportedRegistry:
    """Credentials and instances, in one transaction."""

    credentials: tuple[StoredCredential, ...]
    instances: tuple[ImportedInstance, ...]


@dataclass(frozen=True, slots=True)
class ImportedDatabase:
    """A database of an instance (ours), as the inventory there has it (UTC)."""

    instance_id: int
    name: str
    is_active: bool
    first_seen_at: datetime
    last_seen_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ImportedSize:
    """A day of a database, in bytes; None: it was not measured there."""

    instance_id: int
    database: str
    collected_date: date
    total_bytes: int
    data_bytes: int | None
    log_bytes: int | None
    collected_at: datetime


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """The size of a table on the day on which it was measured last, in bytes."""

    instance_id: int
    database: str
    schema: str
    table: str
    collected_date: date
    total_bytes: int
    index_bytes: int
    collected_at: datetime


@dataclass(frozen=True, slots=True)
class ImportedTotal:
    """A day of an instance, in bytes."""

    instance_id: int
    collected_date: date
    total_bytes: int
    database_count: int
    collected_at: datetime


@dataclass(frozen=True, slots=True)
class ImportedSums:
    """That days of an instance are to be summed up, where only its databases have them."""

    instance_id: int


@dataclass(frozen=True, slots=True)
class ImportedPeriod:
    """A period of a database, or of an instance (`database` is empty), in bytes."""

    instance_id: int
    database: str
    period: Period
    data_count: int
    avg_bytes: int
    min_bytes: int
    max_bytes: int
    change_bytes: int | None
    change_percent: float | None
    calculated_at: datetime
    database_count: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedSession:
    """A session or a task run, in the words of its system (UTC)."""

    kind: str
    session_id: str
    category: str
    trigger: str
    task: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    total: int
    successful: int
    failed: int
    created_by: str
    error: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class ImportedRecord:
    """What one instance, or one step, came to in a session; `details` is JSON text."""

    kind: str
    source_id: int
    session_id: str
    instance_id: int | None
    name: str
    category: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    synced: int
    created: int
    updated: int
    deleted: int
    error: str
    details: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class ImportedAccount:
    """An account as it was last known there (UTC); `state` is JSON text of its permissions."""

    source_id: int
    instance_id: int
    name: str
    owner: str
    is_active: bool
    first_seen_at: datetime | None
    deleted_at: datetime | None
    last_sync_at: datetime | None
    last_change_at: datetime | None
    is_superuser: bool
    is_locked: bool
    state: str
    instance: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class ImportedChange:
    """An entry of the change log there, told in lines; `details` is JSON text of its parts."""

    source_id: int
    instance_id: int
    account: str
    change_type: str
    changed_at: datetime
    session_id: str
    lines: tuple[str, ...]
    details: str
    instance: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A change with what its instance is. `is_there`: it was not removed."""

    change: ImportedChange
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class ImportedCount:
    """How many records of a session ended in a way."""

    status: str
    count: int


@dataclass(frozen=True, slots=True)
class ImportedFilter:
    """Which imported rows to list, newest first. `instances` are ids; None: all. Times are UTC."""

    instances: tuple[int, ...] | None = None
    account: str | None = None
    session_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 200


ImportedRow = (
    ImportedRegistry
    | ImportedDatabase
    | ImportedSize
    | ImportedTable
    | ImportedTotal
    | ImportedSums
    | ImportedPeriod
    | ImportedSession
    | ImportedRecord
    | ImportedAccount
    | ImportedChange
)
