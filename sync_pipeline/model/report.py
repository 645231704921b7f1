"""What the report shows, as records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from sync_pipeline.model.failure import Failures
from sync_pipeline.model.finding import Review
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.session import Session
from sync_pipeline.model.size import InstanceSize, SizePoint, TopDatabase

MOST_LINES = 10
"""Instances that one chart shows."""


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
class FleetReport:
    """Everything that the report shows, for `[since, until]` in the fleet's time zone.

    `charted` are the days of the `MOST_LINES` largest instances, by instance and date.
    """

    generated_at: datetime
    time_zone: str
    since: date
    until: date
    fleet: tuple[FleetDay, ...]
    charted: tuple[SizePoint, ...]
    newest: tuple[InstanceSize, ...]
    instances: tuple[Growth, ...]
    databases: tuple[Growth, ...]
    largest: tuple[TopDatabase, ...]
    growing: tuple[TopDatabase, ...]
    anomalies: tuple[Anomaly, ...]
    gaps: tuple[Gap, ...]
    failures: tuple[FailedSession, ...]
    review: Review = field(default_factory=Review)
