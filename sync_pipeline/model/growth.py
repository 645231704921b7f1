"""How fast a size grows, and where that leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

FORECAST_DAYS = (30, 90)


class LimitKind(StrEnum):
    """Where a limit comes from: a person (a budget, a disk), or the autogrow cap of files."""

    CONFIGURED = "configured"
    CEILING = "ceiling"


class GrowthTrend(StrEnum):
    """Where a size leads; `NONE` where it has no trend that the days show for certain."""

    GROWING = "growing"
    SHRINKING = "shrinking"
    NONE = "no trend"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The size expected `days` after the last known day, with a 95 % interval, in bytes."""

    days: int
    expected_bytes: int
    low_bytes: int
    high_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The trend of one database, of a tablespace, or of an instance (both are empty).

    `bytes_per_day` and its 95 % interval are None where there are too few points to say;
    below zero it shrinks. `trend` is None there too. It is `NONE` where the days may as well
    be levels, a season or noise: the interval then holds 0. `season_days` is the length of a
    season that was found, `level_since` the first day after a change of level or of slope.
    `days_until_limit` counts from the last known day; it is None without a limit, and where
    the trend is not that it grows. `limit_kind` says whose limit it is.
    """

    instance: str
    database: str
    last_date: date
    last_bytes: int
    points: int
    bytes_per_day: float | None = None
    low_bytes_per_day: float | None = None
    high_bytes_per_day: float | None = None
    forecasts: tuple[Forecast, ...] = ()
    limit_bytes: int | None = None
    days_until_limit: float | None = None
    earliest_days_until_limit: float | None = None
    limit_kind: LimitKind | None = None
    tablespace: str = ""
    trend: GrowthTrend | None = None
    season_days: int | None = None
    level_since: date | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A size that grew remarkably against the latest baseline within three days."""

    instance: str
    database: str
    collected_date: date
    total_bytes: int
    baseline_date: date
    baseline_bytes: int

    @property
    def grown_bytes(self) -> int:
        """Return by how many bytes it grew."""
        return self.total_bytes - self.baseline_bytes

    def __str__(self) -> str:
        """Return a sentence."""
        where = f"Database {self.database}" if self.database else "The instance"
        percent = f" ({self.grown_bytes / self.baseline_bytes:+.0%})" if self.baseline_bytes else ""
        return (
            f"{where} grew by {self.grown_bytes} bytes{percent} between {self.baseline_date} "
            f"and {self.collected_date}."
        )
