"""What the report shows, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sync_pipeline.model.access import PowerKind
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.classification import ClassCount
from sync_pipeline.model.failure import Failures
from sync_pipeline.model.finding import Review, Severity
from sync_pipeline.model.freshness import Overdue
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.review import FindingDay
from sync_pipeline.model.session import Session
from sync_pipeline.model.size import InstanceSize, SizePoint, TopDatabase

MOST_LINES = 10
"""Instances that one chart shows."""


class ReportFormat(StrEnum):
    """Formats of the report; of CSV the tables are files in one archive."""

    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"

    @property
    def suffix(self) -> str:
        """Return how the name of such a file ends."""
        return ".zip" if self is ReportFormat.CSV else f".{self}"

    @property
    def media_type(self) -> str:
        """Return its type, as a mail names it."""
        return _TYPES[self]


_TYPES = {
    ReportFormat.HTML: "text/html",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.CSV: "application/zip",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """Days in a row, both included, on which an instance has no whole size."""

    instance: str
    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days it lasts."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class FailedSession:
    """A session that did not go well, with the first instances that did not."""

    session: Session
    failures: Failures


@dataclass(frozen=True, slots=True)
class FleetDay:
    """The fleet on one date: the last known size of each instance, in bytes.

    `carried` of the `instances` were not measured that day and count with an earlier size.
    """

    day: date
    total_bytes: int
    instances: int
    carried: int


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """What the report shows of sizes, for `[since, until]` in the fleet's time zone.

    `charted` are the days of the `MOST_LINES` largest instances, by instance and date. `near` are
    the instances and databases that reach a limit first, soonest first.
    """

    since: date
    until: date
    fleet: tuple[FleetDay, ...] = ()
    charted: tuple[SizePoint, ...] = ()
    newest: tuple[InstanceSize, ...] = ()
    instances: tuple[Growth, ...] = ()
    databases: tuple[Growth, ...] = ()
    largest: tuple[TopDatabase, ...] = ()
    growing: tuple[TopDatabase, ...] = ()
    near: tuple[Growth, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldChange:
    """A change of an account as people read it (`changed_at` is UTC).

    Of what the first sync of an instance found, `kind` is None and `account` is empty. `more`
    lines are left out.
    """

    changed_at: datetime
    instance: str
    account: str
    kind: ChangeType | None
    lines: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class ChangeNews:
    """What changed, newest first, and how many of each kind. Not `is_whole`: there are more."""

    counts: Mapping[ChangeType, int] = field(default_factory=dict)
    changes: tuple[ToldChange, ...] = ()
    is_whole: bool = True

    @property
    def total(self) -> int:
        """Return how many changes of accounts there are, without what first syncs found."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class PowerSpell:
    """A time for which an account had a power, exact to the syncs that saw it begin and end (UTC).

    `since` is None where it began before the time of the report, `until` where it has it still.
    `path` is how it comes, or came, by it. Not `is_certain`: something was not readable when the
    time began, so that it may have been there already.
    """

    instance: str
    account: str
    power: PowerKind
    since: datetime | None
    until: datetime | None
    path: str = ""
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class FirstRead:
    """An instance that was read for the first time, and how many administrators it has now."""

    instance: str
    administrators: int


@dataclass(frozen=True, slots=True)
class AdministratorNews:
    """Who got power over everything, over others' rights or beyond data, and who has it no more.

    `notes` say what is not known.
    """

    spells: tuple[PowerSpell, ...] = ()
    first_reads: tuple[FirstRead, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def new(self) -> tuple[PowerSpell, ...]:
        """Return the powers that are new and still there."""
        return tuple(item for item in self.spells if item.until is None)

    @property
    def gone(self) -> tuple[PowerSpell, ...]:
        """Return the powers that are gone: also those that came in the same time."""
        return tuple(item for item in self.spells if item.until is not None)


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding that came or went, as it was counted."""

    instance: str
    account: str
    rule: str
    severity: Severity
    is_new: bool


@dataclass(frozen=True, slots=True)
class FindingNews:
    """The findings as they are, which came and went, and how many there were by day.

    `before` says how many there were when `first_day` began; of none there is no number.
    """

    review: Review = field(default_factory=Review)
    changes: tuple[FindingChange, ...] = ()
    days: tuple[FindingDay, ...] = ()
    first_day: date | None = None
    before: Mapping[Severity, int] = field(default_factory=dict)

    @property
    def opened(self) -> int:
        """Return how many came."""
        return sum(item.is_new for item in self.changes)

    @property
    def resolved(self) -> int:
        """Return how many went."""
        return len(self.changes) - self.opened


@dataclass(frozen=True, slots=True)
class ClassTrend:
    """How many accounts a class has had, by day; `now` is by the newest count of each instance."""

    name: str
    description: str
    now: ClassCount | None
    days: tuple[ClassCount, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Everything that the report shows of the fleet, or of what was selected of it.

    What changed is of `[since, until]` (UTC). Of sizes, the days are in the fleet's time zone.
    `failures` are the newest of the `failed_sessions`.
    """

    generated_at: datetime
    time_zone: str
    since: datetime
    until: datetime
    capacity: CapacityReport
    selection: Selection = field(default_factory=Selection)
    instances: int = 0
    changes: ChangeNews = field(default_factory=ChangeNews)
    administrators: AdministratorNews = field(default_factory=AdministratorNews)
    findings: FindingNews = field(default_factory=FindingNews)
    classes: tuple[ClassTrend, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    failures: tuple[FailedSession, ...] = ()
    failed_sessions: int = 0
    notes: tuple[str, ...] = ()

    @property
    def since_day(self) -> date:
        """Return the first day of the time, where the fleet is."""
        return self.since.astimezone(ZoneInfo(self.time_zone)).date()
