"""Days of two systems as one line: another way to measure is no growth. Pure.

What was imported may leave out what is measured here, such as logs. Where one system's days end
and the other's begin, the step between them is taken out, but for what a day grows otherwise: the
days before the move go on counting for the slope, and the step does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from sync_pipeline.model.size import SizePoint


def aligned(known: Sequence[SizePoint]) -> list[float]:
    """Return the sizes of days, in order, as the system of the last one would have measured them.

    Each point has a total.
    """
    sizes: list[float] = [point.total_bytes or 0 for point in known]
    steps = list(pairwise(range(len(known))))
    moves = [(one, two) for one, two in steps if known[one].is_imported != known[two].is_imported]
    if not moves:
        return sizes
    others = [pair for pair in steps if pair not in set(moves)]
    rates = [(sizes[two] - sizes[one]) / _days(known, one, two) for one, two in others]
    rate = median(rates) if rates else 0.0
    shift = 0.0
    before = dict(moves)
    found = list(sizes)
    for place in range(len(known) - 2, -1, -1):
        if place in before:
            grown = rate * _days(known, place, before[place])
            shift += sizes[before[place]] - sizes[place] - grown
        found[place] = sizes[place] + shift
    return found


def _days(known: Sequence[SizePoint], one: int, two: int) -> int:
    return (known[two].collected_date - known[one].collected_date).days
