"""Where the servers of a fleet are: two names of one are each of its findings twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sync_pipeline.model.instance import EngineName, Instance, host_of


def with_one_address(
    found: Sequence[Instance], registered: Iterable[Instance]
) -> list[tuple[Instance, ...]]:
    """Return instances that are at one address once `found` is registered, with any of `found`.

    Of Oracle a service is part of the address: one listener has several databases.
    """
    fleet = {item.name: item for item in (*registered, *found)}
    places: dict[tuple[str, int, str], list[Instance]] = {}
    for item in fleet.values():
        service = (item.database or "").lower() if item.engine is EngineName.ORACLE else ""
        places.setdefault((host_of(item), item.port, service), []).append(item)
    names = {item.name for item in found}
    return [
        tuple(own)
        for own in places.values()
        if len(own) > 1 and any(item.name in names for item in own)
    ]
