"""Gathering what the report shows of sizes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice

from sync_pipeline.aggregate.fleet import FleetTotals, gaps
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.report import MOST_LINES, CapacityReport, Gap
from sync_pipeline.model.size import SizePoint
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

TOP = 15
NEAR_DAYS = 90
"""A limit that is reached in more days is none that nears."""
MOST_LIMITED = 500
"""Databases with a limit of their own that are looked at, by instance and name."""
_Key = tuple[str, str]


def capacity_report(
    deps: SyncDeps, days: int, instances: tuple[int, ...] | None = None
) -> CapacityReport:
    """Return what there is of the last `days`, today included; `instances` are ids, None: all.

    As many statements for 1,000 instances as for one, and of their days only those that a
    chart shows are kept.
    """
    until = today(deps)
    since = until - timedelta(days=days - 1)
    largest = capacity.top_databases(deps, by_growth=False, limit=TOP, instances=instances)
    growing = capacity.top_databases(deps, by_growth=True, limit=TOP, instances=instances)
    limits = capacity.configured_limits(deps, instances)
    seen = _seen(deps, since, until, limits, instances)
    named = {(item.instance, item.database): None for item in (*largest, *growing)}
    limited = islice(sorted(key for key in limits if key[1] and key not in named), MOST_LIMITED)
    window = deps.store.fleet_sizes.totals_of(
        capacity.window_start(deps), until, {**named, **dict.fromkeys(limited)}
    )
    growths = {key: capacity.growth_of(points, limits) for key, points in window.items()}
    jumps = (capacity.anomaly_of(deps, window[name]) for name in named)
    return CapacityReport(
        since=since,
        until=until,
        fleet=tuple(seen.totals.days()),
        charted=tuple(point for own in sorted(seen.largest, key=_name) for point in own),
        newest=tuple(deps.store.fleet_sizes.newest(since, until, instances)),
        instances=tuple(seen.growths),
        databases=tuple(_known(growths, named)),
        largest=tuple(largest),
        growing=tuple(growing),
        near=near_limits((*seen.growths, *_known(growths, growths))),
        anomalies=(*seen.anomalies, *(item for item in jumps if item is not None)),
        gaps=tuple(seen.gaps),
    )


def near_limits(growths: Iterable[Growth]) -> tuple[Growth, ...]:
    """Return those of which a limit is reached within `NEAR_DAYS`, or is passed; soonest first."""
    found = [item for item in growths if _is_near(item)]
    return tuple(sorted(found, key=lambda item: (_days(item), item.instance, item.database)))


def _is_near(item: Growth) -> bool:
    return _days(item) <= NEAR_DAYS


def _days(item: Growth) -> float:
    if item.limit_bytes is not None and item.last_bytes >= item.limit_bytes:
        return 0
    return NEAR_DAYS + 1 if item.days_until_limit is None else item.days_until_limit


def _known(growths: Mapping[_Key, Growth | None], keys: Iterable[_Key]) -> Iterable[Growth]:
    return (item for key in keys if (item := growths[key]) is not None)


@dataclass(slots=True)
class _Seen:
    """What is kept of the instances' days, which pass by one instance after the other."""

    totals: FleetTotals
    largest: list[list[SizePoint]] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def _seen(
    deps: SyncDeps,
    since: date,
    until: date,
    limits: capacity.Limits,
    instances: tuple[int, ...] | None,
) -> _Seen:
    window = capacity.window_start(deps)
    seen = _Seen(FleetTotals(since, until))
    first = min(since, window)
    with deps.store.fleet_sizes.totals(first, until, instances=instances) as points:
        for own in capacity.subjects(points):
            grown = capacity.growth_of(_from(own, window), limits)
            seen.growths += [grown] if grown else []
            shown = _from(own, since)
            if shown:
                _add(seen, deps, shown, until)
    return seen


def _add(seen: _Seen, deps: SyncDeps, own: list[SizePoint], until: date) -> None:
    """Keep what the report shows of an instance, by its days that the report is about."""
    seen.totals.add(own)
    jump = capacity.anomaly_of(deps, own)
    seen.anomalies += [jump] if jump else []
    seen.gaps += gaps(own, until)
    seen.largest = sorted([*seen.largest, own], key=_by_size)[:MOST_LINES]


def _by_size(own: list[SizePoint]) -> tuple[int, str]:
    return -(own[-1].total_bytes or 0), own[-1].instance


def _name(own: list[SizePoint]) -> str:
    return own[0].instance


def _from(points: list[SizePoint], day: date) -> list[SizePoint]:
    first = bisect_left(points, day, key=lambda point: point.collected_date)
    return points[first:]
