"""The fleet as a whole, and the days that are missing in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from sync_pipeline.model.report import FleetDay, Gap
from sync_pipeline.model.size import SizePoint

CARRIED_DAYS = 7
"""How long the last known size of an instance stands for days without one."""


def fleet_days(points: Iterable[SizePoint], since: date, until: date) -> list[FleetDay]:
    """Return the fleet's size on each date, from the points of its instances.

    An instance that was not measured on a day counts with its last known size, at most
    `CARRIED_DAYS` old: a day without it would look as if it had shrunk.
    """
    by_day: dict[date, dict[str, int]] = {}
    for point in points:
        if point.total_bytes is not None:
            by_day.setdefault(point.collected_date, {})[point.instance] = point.total_bytes
    last: dict[str, tuple[date, int]] = {}
    found = []
    for offset in range((until - since).days + 1):
        day = since + timedelta(days=offset)
        last.update({name: (day, size) for name, size in by_day.get(day, {}).items()})
        oldest = day - timedelta(days=CARRIED_DAYS)
        present = [(seen, size) for seen, size in last.values() if seen >= oldest]
        if present:
            found.append(
                FleetDay(
                    day,
                    sum(size for _, size in present),
                    len(present),
                    sum(seen < day for seen, _ in present),
                )
            )
    return found


def gaps(points: Sequence[SizePoint], until: date) -> list[Gap]:
    """Return the days, from its first known one on, on which an instance has no size.

    Points are those of instances, by instance and date.
    """
    found: list[Gap] = []
    for instance, own in groupby(points, key=lambda point: point.instance):
        known = {point.collected_date for point in own if point.total_bytes is not None}
        if known:
            found += _missing(instance, known, min(known), until)
    return found


def _missing(instance: str, known: set[date], first: date, until: date) -> list[Gap]:
    days = [first + timedelta(days=offset) for offset in range((until - first).days + 1)]
    absent = [day for day in days if day not in known]
    found = []
    for _, run in groupby(enumerate(absent), key=lambda item: item[1].toordinal() - item[0]):
        days_of_run = [day for _, day in run]
        found.append(Gap(instance, days_of_run[0], days_of_run[-1]))
    return found
