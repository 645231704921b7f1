"""What people ask about capacity: what is large, what grows, and when a limit is reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
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


def top_databases(
    deps: SyncDeps,
    *,
    by_growth: bool,
    limit: int,
    days: int = GROWTH_DAYS,
    instances: tuple[int, ...] | None = None,
) -> list[TopDatabase]:
    """Return the largest databases, or those that grew most in the last `days`.

    `instances` are the ids of those that are ranked; None: all.
    """
    now = today(deps)
    return deps.store.size_queries.top(
        TopQuestion(
            recent=now - timedelta(days=RECENT_DAYS),
            past=now - timedelta(days=days),
            by_growth=by_growth,
            limit=limit,
            instances=instances,
        )
    )


def instance_growth(deps: SyncDeps, instances: tuple[int, ...] | None = None) -> list[Growth]:
    """Return the growth of each instance that was measured lately, by name.

    `instances` are the ids of those that are asked for; None: all.
    """
    return growths(deps, _instance_points(deps, instances))


def database_growth(
    deps: SyncDeps, instances: tuple[int, ...] | None, database: str | None = None
) -> list[Growth]:
    """Return the growth of databases, or of those of one name, by instance and name.

    `instances` are the ids of those that have them; None: all.
    """
    now = today(deps)
    since = now - timedelta(days=deps.settings.growth_window_days)
    points = deps.store.size_queries.database_points(
        since, now, database=database, instances=instances
    )
    return growths(deps, points)


def tablespace_growth(deps: SyncDeps, instance: str) -> list[Growth]:
    """Return the growth of those tablespaces of an instance that have a ceiling, by name."""
    now = today(deps)
    since = now - timedelta(days=deps.settings.growth_window_days)
    points = deps.store.size_queries.tablespace_points(since, now, instance)
    found = (growth(own) for own in _subjects(points))
    return [item for item in found if item is not None and item.limit_bytes is not None]


def anomalies(deps: SyncDeps, points: Iterable[SizePoint]) -> list[Anomaly]:
    """Return the subjects whose last size jumped; points by subject and date."""
    settings = deps.settings
    found = (
        anomaly(own, settings.anomaly_percent, settings.anomaly_bytes) for own in _subjects(points)
    )
    return [item for item in found if item is not None]


def growths(deps: SyncDeps, points: Iterable[SizePoint]) -> list[Growth]:
    """Return the growth of each subject against its limit; points by subject and date."""
    limits = {(item.instance, item.database): item for item in deps.store.size_queries.limits()}
    found = []
    for own in _subjects(points):
        limit = limits.get((own[0].instance, own[0].database))
        found.append(growth(own, limit.limit_bytes if limit else None))
    return [item for item in found if item is not None]


def _instance_points(deps: SyncDeps, instances: tuple[int, ...] | None) -> list[SizePoint]:
    now = today(deps)
    since = now - timedelta(days=deps.settings.growth_window_days)
    sizes = deps.store.size_queries.instance_sizes(since, now, instances=instances)
    return [item.point for item in sizes]


def _subject(point: SizePoint) -> tuple[str, str, str]:
    return point.instance, point.database, point.tablespace


def _subjects(points: Iterable[SizePoint]) -> Iterable[Sequence[SizePoint]]:
    for _, own in groupby(points, key=_subject):
        yield list(own)
