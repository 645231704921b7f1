"""Reports that are mailed: to whom, of what and when, and which of them were."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync_pipeline.model.instance import Selection
from sync_pipeline.model.report import ReportFormat

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ReportRoute:
    """One report, once a week: on a `weekday` (0: Monday) at a time where the fleet is."""

    name: str
    to: tuple[str, ...]
    selection: Selection = field(default_factory=Selection)
    language: str = "en"
    weekday: int = 0
    at: time = time(7)
    formats: tuple[ReportFormat, ...] = (ReportFormat.HTML, ReportFormat.XLSX)

    def last_due(self, now: datetime, time_zone: str) -> datetime:
        """Return the last moment (UTC), now included, at which the report was due."""
        zone = ZoneInfo(time_zone)
        local = now.astimezone(zone)
        day = local.date() - timedelta(days=(local.weekday() - self.weekday) % 7)
        found = datetime.combine(day, self.at, zone).astimezone(UTC)
        if found > now:
            found = datetime.combine(day - WEEK, self.at, zone).astimezone(UTC)
        return found


@dataclass(frozen=True, slots=True)
class RouteState:
    """What is remembered of a route. Times are UTC.

    The report that was due at `due_at` was sent, or the route was new then. It told of the time
    until `until_at`; None: none was sent yet. Nobody begins before `not_before`: somebody is at
    it, or the last of the `tries` failed, as `problem` says.
    """

    due_at: datetime
    until_at: datetime | None = None
    not_before: datetime | None = None
    tries: int = 0
    problem: str = ""
