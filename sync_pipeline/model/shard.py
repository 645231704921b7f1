"""How a fleet is cut into shards, one for each run of a session."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from sync_pipeline.model.instance import Instance, host_of


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts of a session, counted from 1; a session of one run has one."""

    number: int = 1
    count: int = 1

    def __str__(self) -> str:
        """Return it as it is written in a run's tag: 2/5."""
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the shard of a tag's text; None where it is not one."""
        match = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
        if match is None or int(match[1]) > int(match[2]):
            return None
        return cls(int(match[1]), int(match[2]))


WHOLE = Shard()


def shard_count(instances: Sequence[Instance], per_run: int) -> int:
    """Return how many runs a session of these instances takes; `per_run` 0: always one.

    There are never more than hosts, because a host is not cut.
    """
    if not per_run:
        return 1
    hosts = len({host_of(instance) for instance in instances})
    return max(1, min(-(-len(instances) // per_run), hosts))


def slices(instances: Iterable[Instance], count: int) -> dict[int, int]:
    """Return the number of the shard, by instance id.

    Instances of one host share a shard, because what is limited per host is limited
    within a run. The largest hosts are placed first, each where there is most room, so
    that shards differ by no more than the largest host has instances.
    """
    by_host: dict[str, list[int]] = defaultdict(list)
    for instance in instances:
        by_host[host_of(instance)].append(instance.id)
    room = [(0, number) for number in range(1, count + 1)]
    found: dict[int, int] = {}
    for _, ids in sorted(by_host.items(), key=lambda item: (-len(item[1]), item[0])):
        taken, number = heapq.heappop(room)
        found.update(dict.fromkeys(ids, number))
        heapq.heappush(room, (taken + len(ids), number))
    return found
