"""When a limit comes near: how near it is now, and how near it was before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import IntEnum

from sync_pipeline.aggregate.trend import FEWEST_POINTS, growth
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.size import SizePoint

SOON_DAYS = 7
"""A limit that is reached within these days is reached soon."""
QUIET_DAYS = 7
"""One that came near so lately and went is not told again: a trend wavers from day to day."""


class Nearness(IntEnum):
    """How near a limit is, the nearest last."""

    FAR = 0
    NEAR = 1
    SOON = 2


def nearness(found: Growth | None, days: int) -> Nearness:
    """Return how near the limit of a subject is; `days` is what counts as near."""
    if found is None or found.limit_bytes is None:
        return Nearness.FAR
    left = found.days_until_limit
    if found.last_bytes >= found.limit_bytes:
        left = 0.0
    if left is None or left > days:
        return Nearness.FAR
    return Nearness.SOON if left <= SOON_DAYS else Nearness.NEAR


def may_be_near(size: int, lowest: int | None, limit_bytes: int, days: int) -> bool:
    """Return whether a trend could lead to a limit in so many days at all.

    `lowest` is the smallest size of the window. A trend needs days to show in: it is not steeper
    than all of the growth within the fewest of them.
    """
    grown = max(0, size - (size if lowest is None else lowest))
    return size + grown * days / FEWEST_POINTS >= limit_bytes


def came_near(
    before: Sequence[SizePoint], now: Sequence[SizePoint], limit_bytes: int | None, days: int
) -> Growth | None:
    """Return the growth of a subject whose limit is nearer than it lately was; None: it is not.

    `before` are the points that were there, in order of date, and `now` those that are. Without any
    before there is nothing to compare with.
    """
    found = growth(now, limit_bytes)
    near = nearness(found, days)
    if near is Nearness.FAR or not before:
        return None
    oldest = before[-1].collected_date - timedelta(days=QUIET_DAYS)
    for end in range(len(before), 0, -1):
        if before[end - 1].collected_date < oldest:
            break
        if nearness(growth(before[:end], limit_bytes), days) >= near:
            return None
    return found
