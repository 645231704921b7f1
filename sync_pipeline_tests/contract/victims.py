"""Several victims of rogue servers at once: most of their time is spent in waiting."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sync_pipeline.model.instance import EngineName
from workbench.servers.rogue.victim import PASSWORD, Outcome, run_victim

Servers = Sequence[tuple[str, EngineName, int]]


def run_victims(
    groups: Sequence[Servers], user: str = "", password: str = PASSWORD
) -> dict[str, Outcome]:
    """Try groups of servers, each in a process of its own, at the same time."""
    found: dict[str, Outcome] = {}
    with ThreadPoolExecutor(len(groups)) as pool:
        for outcomes in pool.map(lambda group: run_victim(group, user, password), groups):
            found |= outcomes
    return found


def in_two(servers: Servers) -> tuple[Servers, Servers]:
    """Return every other server apart."""
    return servers[::2], servers[1::2]
