"""Aggregating the sizes of one instance, and choosing which periods and instances."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.aggregation import Aggregation, AggregationRequest, AggregationRows
from sync_pipeline.model.instance import Instance, Selection
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import (
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    Session,
    SyncCategory,
    SyncCounters,
)
from sync_pipeline.workflows.dates import date_of, today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.recorded import InstanceReport, InstanceWork, recorded

LONGEST_CATCH_UP_DAYS = 400
"""How far back the daily aggregation looks for periods that it missed."""

MOST_SHOWN = 36
"""Periods of an instance that one report carries, newest first."""


@dataclass(frozen=True, slots=True)
class AggregationReport(InstanceReport):
    """What the aggregation of one instance wrote; `shown` are its newest periods."""

    rows: AggregationRows = field(default_factory=AggregationRows)
    shown: tuple[Aggregation, ...] = ()


@dataclass(frozen=True, slots=True)
class PeriodChoice:
    """Which periods to aggregate: a range, or (None) those that are due today."""

    periods: PeriodRange | None = None


def chosen_range(kind: PeriodType, first: date, last: date, now: date) -> PeriodRange:
    """Return the periods between two days, both included, up to the running one.

    Raises:
        ConfigurationError: the days are in the wrong order, or in the future.
    """
    if first > last:
        raise ConfigurationError(f"The range from {first} to {last} ends before it begins.")
    if first > now:
        raise ConfigurationError(
            f"The range from {first} to {last} is in the future: today is {now}."
        )
    return PeriodRange.between(kind, first, min(last, now))


def instances_to_aggregate(
    deps: SyncDeps, selection: Selection, choice: PeriodChoice
) -> list[Instance]:
    """Return the instances that have sizes in the periods, removed ones too, by name.

    The daily aggregation also takes every active instance, so that the record of one
    without sizes says so.

    Raises:
        ConfigurationError: the selection names what does not exist.
    """
    registry = deps.store.registry
    if choice.periods is None:
        now = today(deps)
        quarter = Period.of(PeriodType.QUARTER, now)
        measured = deps.store.aggregations.measured(quarter.previous.start, quarter.end)
        active = {item.id for item in registry.select(selection)}
    else:
        measured = deps.store.aggregations.measured(choice.periods.start, choice.periods.end)
        active = set()
    known = registry.select_ever(selection)
    return [item for item in known if item.id in measured | active]


def due_ranges(deps: SyncDeps, instance_id: int) -> list[PeriodRange]:
    """Return what the daily aggregation computes: of each kind the running and the ended one.

    It goes back to the newest period that was aggregated, so that days on which it did
    not run are caught up.
    """
    now = today(deps)
    newest = deps.store.aggregations.newest(instance_id)
    ranges = []
    for kind in PeriodType:
        current = Period.of(kind, now)
        first = current.previous
        last_done = newest.get(kind)
        if last_done is not None and last_done < first:
            oldest = Period.of(kind, now - timedelta(days=LONGEST_CATCH_UP_DAYS))
            first = max(last_done, oldest)
        ranges.append(PeriodRange(first, current))
    return ranges


def aggregate_instance(
    deps: SyncDeps, work: InstanceWork, choice: PeriodChoice
) -> AggregationReport:
    """Aggregate one instance and record the outcome, whatever it is.

    Raises:
        SyncError: it failed, and its record says so; see `recorded`.
    """
    with recorded(deps, work) as begun:
        if isinstance(begun, Skip):
            return AggregationReport.of_skip(work, begun)
        return _aggregate(deps, work.instance, begun.claim, choice)


def _aggregate(
    deps: SyncDeps, instance: Instance, claim: RecordClaim, choice: PeriodChoice
) -> AggregationReport:
    started = time.monotonic()
    ranges = [choice.periods] if choice.periods else due_ranges(deps, instance.id)
    now = deps.clock()
    requests = [
        AggregationRequest(
            (instance.id,), item, date_of(now, deps.settings), deps.settings.trend_percent, now
        )
        for item in ranges
    ]

    def outcome_of(rows: AggregationRows) -> RecordOutcome:
        return RecordOutcome(
            RecordStatus.COMPLETED,
            counters=SyncCounters(items_synced=rows.written),
            details={
                "periods": [str(item) for item in ranges],
                "database_rows": rows.databases,
                "instance_rows": rows.instances,
                "replaced_rows": rows.replaced,
                "timings": {"total_seconds": round(time.monotonic() - started, 4)},
                "warnings": [] if rows.written else [_nothing(ranges)],
            },
        )

    rows = deps.store.aggregations.apply(requests, claim, outcome_of, now)
    shown = [
        item
        for wanted in ranges
        for item in deps.store.aggregations.find(
            wanted.type, wanted.start, wanted.end, instance.name
        )[-MOST_SHOWN:]
    ]
    message = f"{instance.name}: {rows.databases} rows of databases, {rows.instances} of its own"
    return AggregationReport(
        instance=instance.name,
        status=RecordStatus.COMPLETED,
        message=message if rows.written else f"{instance.name}: {_nothing(ranges)}",
        counters=SyncCounters(items_synced=rows.written),
        timings={"total_seconds": time.monotonic() - started},
        rows=rows,
        shown=tuple(shown),
    )


def _nothing(ranges: Sequence[PeriodRange]) -> str:
    return f"No size was collected in {', '.join(map(str, ranges))}, so no row was written."


def nothing_to_aggregate(choice: PeriodChoice) -> str:
    """Return what a session says that found no instance with sizes."""
    where = f" in {choice.periods}" if choice.periods else ""
    return f"No instance has sizes{where}: 0 rows were written."


def await_collection(
    deps: SyncDeps,
    is_running: Callable[[], bool],
    wait: Callable[[float], None],
    seconds_between_looks: float,
) -> tuple[Session | None, float]:
    """Wait until today's size collection has ended.

    `is_running` says whether a run of it is queued, at work or about to start. Returns the
    newest session that began today where the fleet is, ended or not (None where there is
    none), and the seconds waited, which are at most `aggregation_wait_seconds`.
    """
    midnight = datetime.combine(today(deps), datetime.min.time(), ZoneInfo(deps.settings.time_zone))
    waited = 0.0
    while True:
        session = deps.store.sessions.newest(SyncCategory.CAPACITY, midnight)
        is_over = not is_running() and (session is None or session.status.is_terminal)
        if is_over or waited >= deps.settings.aggregation_wait_seconds:
            return session, waited
        wait(seconds_between_looks)
        waited += seconds_between_looks
