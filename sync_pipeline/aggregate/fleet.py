"""The fleet as a whole, and the days that are missing in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby, pairwise

from sync_pipeline.model.report import FleetDay, Gap
from sync_pipeline.model.size import SizePoint

CARRIED_DAYS = 7
"""How long the last known size of an instance stands for days without one."""


class FleetTotals:
    """The fleet's size on each date of `[since, until]`, summed up while instances pass by.

    An instance that was not measured on a day counts with its last known size, at most
    `CARRIED_DAYS` old: a day without it would look as if it had shrunk.
    """

    def __init__(self, since: date, until: date) -> None:
        self._since = since
        count = (until - since).days + 1
        self._bytes, self._instances, self._carried = [0] * count, [0] * count, [0] * count

    def add(self, points: Iterable[SizePoint]) -> None:
        """Add one instance by its points, in order of date; only those of these days count."""
        count = len(self._bytes)
        known = [
            (offset, point.total_bytes)
            for point in points
            if point.total_bytes is not None
            and 0 <= (offset := (point.collected_date - self._since).days) < count
        ]
        for (first, size), (following, _) in pairwise([*known, (count, 0)]):
            for offset in range(first, min(following, first + CARRIED_DAYS + 1)):
                self._bytes[offset] += size
                self._instances[offset] += 1
                self._carried[offset] += offset > first

    def days(self) -> list[FleetDay]:
        """Return the days on which there was a fleet."""
        each = zip(self._bytes, self._instances, self._carried, strict=True)
        return [
            FleetDay(self._since + timedelta(days=offset), *numbers)
            for offset, numbers in enumerate(each)
            if numbers[1]
        ]


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
