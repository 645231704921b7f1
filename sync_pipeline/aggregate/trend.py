"""The trend of a size: Theil-Sen, so that a few odd days do not turn it (see ADR 0008)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from sync_pipeline.model.growth import FORECAST_DAYS, Forecast, Growth, LimitKind
from sync_pipeline.model.size import SizePoint

FEWEST_POINTS = 7
"""Known days, and days from the first to the last of them, below which nothing is claimed."""

CONFIDENCE = 0.95

NORMAL_SPREAD = 1.96 * 1.4826
"""Turns the median distance from the line into that of 95 % of days, if those are normal.

The median, because one step in the window would otherwise widen every forecast.
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """A fitted line: bytes on the last day and a day later, with what the fit leaves open."""

    level: float
    slope: float
    low_slope: float
    high_slope: float
    spread: float


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
        days_until_limit=_days_until(limit, base.last_bytes, line.slope),
        earliest_days_until_limit=_days_until(limit, base.last_bytes, line.high_slope)
        if line.slope > 0
        else None,
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
    # SciPy takes a second to import, which every command would pay.
    from scipy import stats  # noqa: PLC0415

    origin = known[-1]
    # Relative to the last point: the differences keep their digits, whatever the size.
    days = [float((point.collected_date - origin.collected_date).days) for point in known]
    sizes = [float((point.total_bytes or 0) - (origin.total_bytes or 0)) for point in known]
    fit = stats.theilslopes(sizes, days, alpha=CONFIDENCE, method="joint")
    off = [
        abs(size - (fit.intercept + fit.slope * day)) for day, size in zip(days, sizes, strict=True)
    ]
    return _Line(
        level=float(fit.intercept) + (origin.total_bytes or 0),
        slope=float(fit.slope),
        low_slope=float(fit.low_slope),
        high_slope=float(fit.high_slope),
        spread=NORMAL_SPREAD * median(off),
    )


def _forecast(line: _Line, days: int) -> Forecast:
    expected = max(0.0, line.level + line.slope * days)
    low = max(0.0, line.level + line.low_slope * days - line.spread)
    high = max(0.0, line.level + line.high_slope * days + line.spread)
    return Forecast(days, round(expected), round(low), round(high))


def _days_until(limit_bytes: int | None, size: int, slope: float) -> float | None:
    if limit_bytes is None or slope <= 0:
        return None
    return max(0.0, (limit_bytes - size) / slope)
