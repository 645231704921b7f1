"""In which order a run takes its instances: those of one host as far apart as can be."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from sync_pipeline.model.instance import Instance, host_of


def spread(instances: Sequence[Instance], chance: random.Random) -> list[Instance]:
    """Return all instances in an order of chance in which neighbours differ.

    With n instances, of which m are on the busiest host, two instances of one host are
    at least n // m - 1 places apart, and never side by side where that can be avoided.
    The rest is arranged by credential in the same way.
    """
    shuffled = list(instances)
    chance.shuffle(shuffled)
    by_credential = _apart(shuffled, lambda item: item.credential)
    return _apart(by_credential, host_of)


def _apart(items: Sequence[Instance], key: Callable[[Instance], str]) -> list[Instance]:
    """Deal the largest groups over as many rounds as the largest has members.

    A group that is alone with its key may be anywhere: these fill up the rounds in the
    order in which they come.
    """
    groups: dict[str, list[Instance]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    several = sorted((group for group in groups.values() if len(group) > 1), key=len, reverse=True)
    single = [item for item in items if len(groups[key(item)]) == 1]
    if not several:
        return single
    rounds: list[list[Instance]] = [[] for _ in several[0]]
    dealt = [item for group in several for item in group]
    for number, item in enumerate(dealt):
        rounds[number % len(rounds)].append(item)
    size, longer = divmod(len(items), len(rounds))
    rest = iter(single)
    for number, members in enumerate(rounds):
        wanted = size + (number < longer)
        members.extend(next(rest) for _ in range(wanted - len(members)))
    return [item for members in rounds for item in members]
