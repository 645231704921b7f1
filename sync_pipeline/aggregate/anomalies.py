"""Sizes that jumped: both a percentage and a number of bytes must be reached. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sync_pipeline.model.growth import Anomaly
from sync_pipeline.model.size import SizePoint

BASELINE_DAYS = 3


def anomaly(points: Sequence[SizePoint], least_percent: float, least_bytes: int) -> Anomaly | None:
    """Return whether the last known size of one subject jumped; points in order of date.

    The baseline is the latest known size of the three days before. Without one there is
    nothing to compare with. From a baseline of 0 bytes any percentage is reached. What another
    system measured is no baseline of what was measured here: it may leave out logs, say.
    """
    known = [point for point in points if point.total_bytes is not None]
    if not known:
        return None
    last = known[-1]
    oldest = last.collected_date - timedelta(days=BASELINE_DAYS)
    before = [
        point
        for point in known[:-1]
        if point.collected_date >= oldest and point.is_imported == last.is_imported
    ]
    if not before:
        return None
    baseline = before[-1]
    size, earlier = last.total_bytes or 0, baseline.total_bytes or 0
    grown = size - earlier
    if grown < least_bytes or grown * 100 < least_percent * earlier:
        return None
    return Anomaly(
        last.instance,
        last.database,
        last.collected_date,
        size,
        baseline.collected_date,
        earlier,
    )
