"""Where databases and instances stand in a period: what is large, what grew, and what nears."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.page import InstanceQuestion
from sync_pipeline.model.period import Period


class Subjects(StrEnum):
    """What stands in the order: databases, or instances as a whole."""

    DATABASES = "databases"
    INSTANCES = "instances"


class StandingOrder(StrEnum):
    """By what: the last size of the period, how much the average grew, or when a limit comes."""

    SIZE = "size"
    GROWTH = "growth"
    PERCENT = "percent"
    UNTIL = "until"


@dataclass(frozen=True, slots=True)
class StandingQuestion:
    """Which subjects, in the order of which value of which period."""

    period: Period
    instances: InstanceQuestion = field(default_factory=InstanceQuestion)
    subjects: Subjects = Subjects.DATABASES
    order: StandingOrder = StandingOrder.SIZE
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """One subject in a period. `aggregation` is None where nothing of the period is known of it.

    `limit_bytes` is what somebody set. `days_until` counts from the end of the period on, at the
    growth of the period's average; None where it did not grow, or has no limit.
    """

    instance: str
    engine: str
    environment: str | None
    database: str = ""
    aggregation: Aggregation | None = None
    limit_bytes: int | None = None
    days_until: float | None = None


@dataclass(frozen=True, slots=True)
class FleetPeriod:
    """The fleet in a period: the last sizes of its instances, added up.

    `instances` have one, and `unknown` were measured without a whole size.
    """

    start: date
    total_bytes: int
    instances: int
    unknown: int


@dataclass(frozen=True, slots=True)
class TableDay:
    """One day's size of a table that was among the largest of its database, in bytes."""

    collected_date: date
    total_bytes: int
    data_bytes: int
    index_bytes: int
