"""Aggregations of sizes over a period, as the store returns them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sync_pipeline.model.period import Period, PeriodRange, PeriodType


class Trend(StrEnum):
    """Where a size went since the previous period, by the percentage of a setting."""

    GROWING = "growing"
    STABLE = "stable"
    SHRINKING = "shrinking"


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one value did in a period: bytes, None where no day has the value.

    `change_*` compare the average with the previous period's average; `growth_rate` is the
    percentage by which the last value is above the previous period's last. Both are None
    without a previous period, and where the previous value is 0.
    """

    avg_bytes: int | None
    min_bytes: int | None
    max_bytes: int | None
    first_bytes: int | None
    last_bytes: int | None
    change_bytes: int | None
    change_percent: float | None
    growth_rate: float | None


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One period of a database, or of a whole instance (`database` is empty).

    `period_end` is the first day after the period. `data_count` of `expected_count` days
    have a total; a day on which the instance was measured and did not have the database
    is not expected.
    """

    instance: str
    database: str
    period_type: PeriodType
    period_start: date
    period_end: date
    data_count: int
    expected_count: int
    trend: Trend | None
    total: Statistics
    data: Statistics
    log: Statistics
    calculated_at: datetime
    database_count: int | None = None
    database_count_change: int | None = None


@dataclass(frozen=True, slots=True)
class AggregationRows:
    """How many rows an aggregation wrote, and how many earlier ones it replaced."""

    databases: int = 0
    instances: int = 0
    replaced: int = 0

    @property
    def written(self) -> int:
        """Return how many rows were written."""
        return self.databases + self.instances

    def __add__(self, other: AggregationRows) -> AggregationRows:
        """Return both together."""
        return AggregationRows(
            self.databases + other.databases,
            self.instances + other.instances,
            self.replaced + other.replaced,
        )


@dataclass(frozen=True, slots=True)
class FleetPeriod:
    """What is aggregated of a period, of all instances together.

    `left` is how many instances have sizes in the period and no aggregation of it. `last_bytes` is
    the sum of the last totals of those that have one; None: none is known.
    """

    period: Period
    instances: int
    left: int
    last_bytes: int | None

    @property
    def is_whole(self) -> bool:
        """Return whether nothing that was measured is left out."""
        return not self.left


@dataclass(frozen=True, slots=True)
class AggregationRequest:
    """What to compute: the periods of a range for some instances, known until `today`.

    `trend_percent` is the change of the average from which a size grows or shrinks.
    """

    instance_ids: tuple[int, ...]
    periods: PeriodRange
    today: date
    trend_percent: float
    now: datetime
