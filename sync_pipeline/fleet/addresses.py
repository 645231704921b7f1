"""Where the servers of a fleet are: two names of one are each of its findings twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.instance import Instance, host_of


def with_one_address(
    found: Sequence[Instance], registered: Iterable[Instance]
) -> list[tuple[Instance, ...]]:
    """Return instances that are at one address once `found` is registered, with any of `found`.

    A service is part of the address where one listener has several databases.
    """
    fleet = {item.name: item for item in (*registered, *found)}
    places: dict[tuple[str, int, str], list[Instance]] = {}
    for item in fleet.values():
        service = (item.database or "").lower() if ENGINES[item.engine].is_of_service else ""
        places.setdefault((host_of(item), item.port, service), []).append(item)
    names = {item.name for item in found}
    return [
        tuple(own)
        for own in places.values()
        if len(own) > 1 and any(item.name in names for item in own)
    ]
