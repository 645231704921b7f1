"""Sizes of one instance at one moment: every value is known, or says why it is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sync_pipeline.model.snapshot import ServerIdentity


class MeasureState(StrEnum):
    """Whether a value was read, and why not where it was not."""

    KNOWN = "known"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of bytes, or the reason why there is none. Never 0 for "not known"."""

    state: MeasureState
    bytes: int | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.bytes is not None) is not (self.state is MeasureState.KNOWN):
            raise ValueError("exactly a known measure has a number of bytes")

    @classmethod
    def known(cls, count: int) -> Measure:
        """Return a value in bytes."""
        return cls(MeasureState.KNOWN, int(count))

    @classmethod
    def denied(cls, reason: str) -> Measure:
        """Return a value that a missing privilege hides; `reason` names the grant."""
        return cls(MeasureState.DENIED, reason=reason)

    @classmethod
    def unreachable(cls, reason: str) -> Measure:
        """Return a value that could not be read although nothing forbids it."""
        return cls(MeasureState.UNREACHABLE, reason=reason)

    @classmethod
    def sum(cls, parts: Iterable[Measure]) -> Measure:
        """Add measures up: unknown where a part is, not applicable where all parts are."""
        total: int | None = None
        for part in parts:
            if part.bytes is not None:
                total = part.bytes if total is None else total + part.bytes
            elif part.state is not MeasureState.NOT_APPLICABLE:
                return part
        return NOT_APPLICABLE if total is None else cls(MeasureState.KNOWN, total)

    @property
    def is_missing(self) -> bool:
        """Return whether the server has this value and it was not read."""
        return self.state in (MeasureState.DENIED, MeasureState.UNREACHABLE)


NOT_APPLICABLE = Measure(MeasureState.NOT_APPLICABLE)
"""The engine has no such value at this level."""


class MeasureName(StrEnum):
    """The values of a database and of an instance.

    Each is an attribute of `DatabaseSize` of its name, and elsewhere a column, a field and a key
    `<name>_bytes`.
    """

    TOTAL = "total"
    DATA = "data"
    INDEX = "index"
    LOG = "log"
    TEMPORARY = "temporary"
    LOGICAL = "logical"

    @property
    def column(self) -> str:
        """Return what the value is called where its unit is said."""
        return f"{self}_bytes"


@dataclass(frozen=True, slots=True)
class TableSize:
    """One of the largest tables of a database; `total_bytes` is data and indexes."""

    schema: str
    name: str
    total_bytes: int
    data_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class DatabaseSize:
    """The sizes of one database.

    `total` is what its files take on disk; `data` and `index` are what its tables and
    their indexes hold as the engine counts them, and `logical` is both together. `log`
    and `temporary` are given where the engine keeps them by database. `maximum_bytes` is
    how large its data files may grow, None where they have no cap.
    """

    name: str
    total: Measure
    data: Measure = NOT_APPLICABLE
    index: Measure = NOT_APPLICABLE
    log: Measure = NOT_APPLICABLE
    temporary: Measure = NOT_APPLICABLE
    tables: tuple[TableSize, ...] = ()
    maximum_bytes: int | None = None

    @property
    def logical(self) -> Measure:
        """Return data and indexes together."""
        return Measure.sum((self.data, self.index))

    def measures(self) -> Mapping[MeasureName, Measure]:
        """Return every value by its name."""
        return {name: getattr(self, name) for name in MeasureName}


@dataclass(frozen=True, slots=True)
class TablespaceSize:
    """One tablespace; `maximum_bytes` is its autogrow cap, None where it has none."""

    name: str
    total: Measure
    maximum_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SizeSnapshot:
    """The sizes of one instance at one moment.

    `log` (WAL, redo, binary logs), `temporary` and `shared` belong to the server:
    `shared` are data files of no single database. `inventory_is_complete` says whether
    every database of the server is listed; `hidden` is why nobody knows what others take.
    """

    server: ServerIdentity
    observed_at: datetime
    databases: tuple[DatabaseSize, ...]
    inventory_is_complete: bool = True
    hidden: Measure = NOT_APPLICABLE
    log: Measure = NOT_APPLICABLE
    temporary: Measure = NOT_APPLICABLE
    shared: Measure = NOT_APPLICABLE
    tablespaces: tuple[TablespaceSize, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)

    def measures(self) -> Mapping[MeasureName, Measure]:
        """Return the instance's values: sums over its databases, and the server's own.

        A sum is unknown where a part of it is: a lower bound would look like shrinking.
        """
        by_database = any(item.log != NOT_APPLICABLE for item in self.databases)
        servers = {
            MeasureName.LOG: (self.log, self.hidden if by_database else NOT_APPLICABLE),
            MeasureName.TEMPORARY: (self.temporary,),
        }
        found = {
            name: Measure.sum(
                (
                    *servers.get(name, (self.hidden,)),
                    *(getattr(item, name) for item in self.databases),
                )
            )
            for name in MeasureName
        }
        whole = Measure.sum((found[MeasureName.DATA], found[MeasureName.INDEX]))
        return {**found, MeasureName.LOGICAL: whole}

    @property
    def known_bytes(self) -> int:
        """Return the sum of the totals that are known: at least this much is used."""
        return sum(item.total.bytes or 0 for item in self.databases)

    @property
    def unread(self) -> tuple[DatabaseSize, ...]:
        """Return the databases whose total is not known."""
        return tuple(item for item in self.databases if item.total.is_missing)


@dataclass(frozen=True, slots=True)
class KnownDatabase:
    """A database that the store has seen on an instance."""

    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class DatabaseReconciliation:
    """What a snapshot changes in the inventory of databases, each in order of name."""

    seen: tuple[str, ...]
    created: tuple[str, ...] = ()
    reactivated: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SizePoint:
    """One day's size of a database, of a tablespace, or of an instance (both are empty).

    Bytes; None is not known or not applicable. `unknown` says, by value, what hid it.
    `maximum_bytes` is the autogrow cap of its files, None where they have none. `is_imported`:
    another system measured it, in its own way.
    """

    instance: str
    database: str
    collected_date: date
    total_bytes: int | None
    data_bytes: int | None = None
    index_bytes: int | None = None
    log_bytes: int | None = None
    temporary_bytes: int | None = None
    logical_bytes: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    maximum_bytes: int | None = None
    tablespace: str = ""
    is_imported: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """A database as the inventory knows it (UTC)."""

    instance: str
    engine: str
    name: str
    is_active: bool
    first_seen_at: datetime
    last_seen_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class InstanceSize:
    """One day of one instance. `known_bytes` is what its readable databases take.

    `point.total_bytes` is None where a database was not read: see `unread_count`.
    """

    point: SizePoint
    engine: str
    shared_bytes: int | None
    known_bytes: int
    database_count: int
    unread_count: int
    collected_at: datetime


@dataclass(frozen=True, slots=True)
class TablespaceView:
    """A tablespace on the last measured date, in bytes."""

    name: str
    total_bytes: int | None
    maximum_bytes: int | None


@dataclass(frozen=True, slots=True)
class TableView:
    """One of the largest tables on the last measured date, in bytes."""

    database: str
    schema: str
    name: str
    total_bytes: int
    data_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """How large an instance (`database` is empty) or a database may get, in bytes."""

    instance: str
    database: str
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class TopQuestion:
    """Which databases are the largest, or (`by_growth`) grew most since `past`.

    Instances that were not measured since `recent` are left out. `instance` is a name,
    `instances` are ids; None: all.
    """

    recent: date
    past: date
    by_growth: bool = False
    limit: int = 10
    instance: str | None = None
    instances: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class TopDatabase:
    """One answer: bytes on a date, and by how much it grew since another."""

    instance: str
    database: str
    collected_date: date
    total_bytes: int | None
    grown_bytes: int | None
    since: date | None


@dataclass(frozen=True, slots=True)
class MeasuredDay:
    """One instance's sizes of one date (in the fleet's time zone), and what they changed."""

    instance_id: int
    collected_date: date
    snapshot: SizeSnapshot
    inventory: DatabaseReconciliation
    session_id: str | None = None
