"""What people ask about capacity: what is large, what grows, and when a limit is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

from sync_pipeline.aggregate.anomalies import anomaly
from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.size import SizePoint, TopDatabase, TopQuestion
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

RECENT_DAYS = 7
"""An instance that was not measured for longer has no present size."""

GROWTH_DAYS = 30
Limits = Mapping[tuple[str, str], int]
"""Bytes by instance and database; of the whole instance its database is empty."""


def top_databases(
    deps: SyncDeps,
    *,
    by_growth: bool,
    limit: int,
    days: int = GROWTH_DAYS,
    instance: str | None = None,
    instances: tuple[int, ...] | None = None,
) -> list[TopDatabase]:
    """Return the largest databases, or those that grew most in the last `days`.

    `instance` is a name, `instances` are ids; None: of all instances.
    """
    now = today(deps)
    return deps.store.size_queries.top(
        TopQuestion(
            recent=now - timedelta(days=RECENT_DAYS),
            past=now - timedelta(days=days),
            by_growth=by_growth,
            limit=limit,
            instance=instance,
            instances=instances,
        )
    )


def instance_growth(
    deps: SyncDeps, instance: str | None = None, instances: tuple[int, ...] | None = None
) -> list[Growth]:
    """Return the growth of each instance that was measured in the window, by name."""
    limits = configured_limits(deps, instances)
    now, since = today(deps), window_start(deps)
    with deps.store.fleet_sizes.totals(since, now, instance, instances) as points:
        return list(_growths(subjects(points), limits))


def database_growth(
    deps: SyncDeps, instances: tuple[int, ...] | None, database: str | None = None
) -> list[Growth]:
    """Return the growth of databases, or of those of one name, by instance and name.

    `instances` are the ids of those that have them; None: all.
    """
    points = deps.store.size_queries.database_points(
        window_start(deps), today(deps), database=database, instances=instances
    )
    return list(_growths(subjects(points), configured_limits(deps, instances)))


def tablespace_growth(deps: SyncDeps, instance: str) -> list[Growth]:
    """Return the growth of those tablespaces of an instance that have a ceiling, by name."""
    now = today(deps)
    points = deps.store.size_queries.tablespace_points(window_start(deps), now, instance)
    return [item for item in _growths(subjects(points), {}) if item.limit_bytes is not None]


def anomalies(deps: SyncDeps, points: Iterable[SizePoint]) -> list[Anomaly]:
    """Return the subjects whose last size jumped; points by subject and date."""
    found = (anomaly_of(deps, own) for own in subjects(points))
    return [item for item in found if item is not None]


def anomaly_of(deps: SyncDeps, points: Sequence[SizePoint]) -> Anomaly | None:
    """Return whether the last size of one subject jumped; points in order of date."""
    return anomaly(points, deps.settings.anomaly_percent, deps.settings.anomaly_bytes)


def growth_of(points: Sequence[SizePoint], limits: Limits) -> Growth | None:
    """Return the growth of one subject against its limit; points in order of date."""
    if not points:
        return None
    limit = limits.get((points[0].instance, points[0].database))
    return growth(points, limit)


def configured_limits(deps: SyncDeps, instances: tuple[int, ...] | None = None) -> Limits:
    """Return the limits that people set; `instances` are ids, None: of all."""
    found = deps.store.size_queries.limits(instances)
    return {(item.instance, item.database): item.limit_bytes for item in found}


def window_start(deps: SyncDeps) -> date:
    """Return the first day of those from which growth is estimated."""
    return today(deps) - timedelta(days=deps.settings.growth_window_days)


def subjects(points: Iterable[SizePoint]) -> Iterator[list[SizePoint]]:
    """Yield the points of each subject; points by subject and date."""
    for _, own in groupby(points, key=_subject):
        yield list(own)


def _growths(found: Iterable[Sequence[SizePoint]], limits: Limits) -> Iterator[Growth]:
    for own in found:
        item = growth_of(own, limits)
        if item is not None:
            yield item


def _subject(point: SizePoint) -> tuple[str, str, str]:
    return point.instance, point.database, point.tablespace
