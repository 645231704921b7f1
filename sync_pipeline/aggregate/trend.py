"""The trend of a size: Theil-Sen, so that a few odd days do not turn it (see ADR 0008).

A trend is claimed where nothing simpler explains the days (see ADR 0030).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from sync_pipeline.aggregate.boundary import aligned
from sync_pipeline.model.growth import FORECAST_DAYS, Forecast, Growth, GrowthTrend, LimitKind
from sync_pipeline.model.size import SizePoint

if TYPE_CHECKING:
    from sync_pipeline.aggregate.levels import Array

FEWEST_POINTS = 7
"""Known days, and days from the first to the last of them, below which nothing is claimed."""

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class _Line:
    """A fitted line: bytes on the last day and a day later, with what the fit leaves open."""

    trend: GrowthTrend
    level: float
    slope: float
    low_slope: float
    high_slope: float
    spread: float
    season_days: int | None = None
    change: int | None = None


def growth(points: Sequence[SizePoint], limit_bytes: int | None = None) -> Growth | None:
    """Return the growth of one subject, from its points in order of date.

    None where no point is known. Days without a known total count for nothing. The limit
    is the lower one of `limit_bytes` (configured) and the files' ceiling on the last day.

    Raises:
        ValueError: the points are of two subjects, or out of order.
    """
    _check(points)
    known = [point for point in points if point.total_bytes is not None]
    if not known:
        return None
    last = known[-1]
    limit, kind = _nearest_limit(limit_bytes, last.maximum_bytes)
    base = Growth(
        instance=last.instance,
        database=last.database,
        last_date=last.collected_date,
        last_bytes=last.total_bytes or 0,
        points=len(known),
        limit_bytes=limit,
        limit_kind=kind,
        tablespace=last.tablespace,
    )
    span = (last.collected_date - known[0].collected_date).days
    if len(known) < FEWEST_POINTS or span < FEWEST_POINTS:
        return base
    line = _fit(known)
    return replace(
        base,
        bytes_per_day=line.slope,
        low_bytes_per_day=line.low_slope,
        high_bytes_per_day=line.high_slope,
        forecasts=tuple(_forecast(line, days) for days in FORECAST_DAYS),
        days_until_limit=_days_until(limit, base.last_bytes, line.slope, line.trend),
        earliest_days_until_limit=_days_until(limit, base.last_bytes, line.high_slope, line.trend),
        trend=line.trend,
        season_days=line.season_days,
        level_since=None if line.change is None else known[line.change].collected_date,
    )


def _nearest_limit(
    configured: int | None, ceiling: int | None
) -> tuple[int | None, LimitKind | None]:
    if ceiling is not None and (configured is None or ceiling < configured):
        return ceiling, LimitKind.CEILING
    return configured, None if configured is None else LimitKind.CONFIGURED


def _check(points: Sequence[SizePoint]) -> None:
    if len({(point.instance, point.database, point.tablespace) for point in points}) > 1:
        raise ValueError("growth is that of one subject")
    if any(one.collected_date >= two.collected_date for one, two in pairwise(points)):
        raise ValueError("points come in order of date")


def _fit(known: Sequence[SizePoint]) -> _Line:
    # NumPy takes long to import, which every command would pay.
    import numpy as np  # noqa: PLC0415

    from sync_pipeline.aggregate.season import find_season  # noqa: PLC0415

    origin = known[-1]
    # Relative to the last point: the differences keep their digits, whatever the size.
    days = np.array([float((item.collected_date - origin.collected_date).days) for item in known])
    sizes = np.array([size - (origin.total_bytes or 0) for size in aligned(known)])
    season = find_season(days, sizes)
    line = _line(days, sizes if season is None else sizes - season.offsets)
    # The interval holds all days of a season.
    swing = 0.0 if season is None else float(np.abs(season.offsets).max())
    return replace(
        line,
        level=line.level + (origin.total_bytes or 0),
        spread=line.spread + swing,
        season_days=season.days if season else None,
    )


def _line(days: Array, sizes: Array) -> _Line:
    """Return the line through sizes, without a trend where levels or a cycle explain them."""
    from sync_pipeline.aggregate import cycle, levels, robust, slope  # noqa: PLC0415

    clean = robust.without_odd_days(days, sizes)
    found = levels.explain(days, clean)
    since = found.since
    own = [change - since for change in found.changes]
    fit = slope.fit(days[since:], sizes[since:], own, CONFIDENCE)
    line = _Line(
        trend=_direction(fit.low, fit.high),
        level=fit.level,
        slope=fit.slope,
        low_slope=fit.low,
        high_slope=fit.high,
        spread=fit.spread,
        change=fit.last_change + since or None,
    )
    if (
        found.is_levels
        or line.trend is GrowthTrend.NONE
        or cycle.may_be_cycle(days, sizes, clean, is_growing=line.trend is GrowthTrend.GROWING)
    ):
        return _no_trend(sizes, line)
    return line


def _direction(low: float, high: float) -> GrowthTrend:
    if low > 0:
        return GrowthTrend.GROWING
    return GrowthTrend.SHRINKING if high < 0 else GrowthTrend.NONE


def _no_trend(sizes: Array, line: _Line) -> _Line:
    """Return the last level, which may stay, or go on as the line."""
    is_known = line.trend is not GrowthTrend.NONE or line.change is not None
    level = median(sizes[line.change or 0 :].tolist())
    off = sorted(abs(sizes - level).tolist())
    return replace(
        line,
        trend=GrowthTrend.NONE,
        level=level,
        slope=0.0 if is_known else line.slope,
        low_slope=min(0.0, line.low_slope),
        high_slope=max(0.0, line.high_slope),
        spread=max(line.spread, off[int(CONFIDENCE * (len(off) - 1))]),
    )


def _forecast(line: _Line, days: int) -> Forecast:
    slope = 0.0 if line.trend is GrowthTrend.NONE else line.slope
    expected = max(0.0, line.level + slope * days)
    low = max(0.0, line.level + line.low_slope * days - line.spread)
    high = max(0.0, line.level + line.high_slope * days + line.spread)
    return Forecast(days, round(expected), round(low), round(high))


def _days_until(
    limit_bytes: int | None, size: int, slope: float, trend: GrowthTrend
) -> float | None:
    if limit_bytes is None or trend is not GrowthTrend.GROWING:
        return None
    return max(0.0, (limit_bytes - size) / slope)
