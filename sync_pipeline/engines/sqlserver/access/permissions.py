"""Which permissions imply another one, and which permissions change something."""

from __future__ import annotations

from collections import deque
from functools import cache

from sync_pipeline.engines.sqlserver.access.covering_table import (
    CONTAINER,
    FROM_ABOVE,
    WITHIN,
    SecurableClass,
)

Covering = tuple[SecurableClass, str]
"""A permission and the class of the securable that it is held on."""


def _above() -> dict[Covering, list[Covering]]:
    covers: dict[Covering, list[Covering]] = {}
    for of, within in WITHIN.items():
        for by, covered in within.items():
            for permission in covered.split(" | "):
                covers.setdefault((of, permission), []).append((of, by))
    for of, rules in FROM_ABOVE.items():
        for rule in rules.split("; "):
            by, _, covered = rule.partition(": ")
            for permission in covered.split(" | "):
                covers.setdefault((of, permission), []).append((CONTAINER[of], by))
    return covers


_COVERED_BY = _above()


@cache
def covering(of: SecurableClass, permission: str) -> tuple[Covering, ...]:
    """Return a permission and all that imply it, on it and on what contains it, nearest first."""
    found = [(of, permission)]
    waiting = deque(found)
    while waiting:
        for by in _COVERED_BY.get(waiting.popleft(), ()):
            if by not in found:
                found.append(by)
                waiting.append(by)
    return tuple(found)


_READS = frozenset(
    {
        "AUTHENTICATE",
        "BACKUP DATABASE",
        "BACKUP LOG",
        "CHECKPOINT",
        "CONNECT",
        "CONNECT ANY DATABASE",
        "CONNECT REPLICATION",
        "CONNECT SQL",
        "EXECUTE",
        "REFERENCES",
        "SELECT",
        "SELECT ALL USER SECURABLES",
        "SHOWPLAN",
        "SUBSCRIBE QUERY NOTIFICATIONS",
        "UNMASK",
    }
)


def is_write(permission: str) -> bool:
    """Return whether a permission changes data, objects or principals; unknown ones do.

    EXECUTE does not: what a module may change is decided by its own rights.
    """
    return permission not in _READS and not permission.startswith("VIEW ")
