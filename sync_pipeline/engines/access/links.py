"""Ways through roles as chains of links, so that a deep way costs its last step alone. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sync_pipeline.model.access import Path, Step
from sync_pipeline.model.privilege import Membership

Edge = tuple[str, str]
"""A neighbour, and how one gets there."""


class Link(NamedTuple):
    """The last step of a way; `before` is the way without it, `length` counts its steps."""

    account: str
    how: str = ""
    before: Link | None = None
    length: int = 1

    def then(self, account: str, how: str) -> Link:
        """Return this way with one step more."""
        return Link(account, how, self, self.length + 1)

    @property
    def path(self) -> Path:
        """Return all steps, the first one first."""
        steps = []
        link: Link | None = self
        while link is not None:
            steps.append(Step(link.account, link.how))
            link = link.before
        return tuple(reversed(steps))


def chain(path: Path) -> Link:
    """Return the way whose steps these are."""
    first, *others = path
    link = Link(first.account, first.how)
    for step in others:
        link = link.then(step.account, step.how)
    return link


def reach(start: str | Link, edges: Callable[[str], Iterable[Edge]]) -> dict[str, Link]:
    """Return every account that can be reached from one, by a shortest way; itself first.

    Each account and each edge is looked at once.
    """
    first = Link(start) if isinstance(start, str) else start
    found = {first.account: first}
    waiting = deque([first])
    while waiting:
        here = waiting.popleft()
        for neighbour, how in edges(here.account):
            if neighbour not in found:
                found[neighbour] = further = here.then(neighbour, how)
                waiting.append(further)
    return found


def members_of(
    memberships: Iterable[tuple[str, Iterable[Membership]]],
) -> Mapping[str, Sequence[str]]:
    """Return, by role, the accounts to which it was granted itself."""
    members: dict[str, list[str]] = defaultdict(list)
    for name, items in memberships:
        for item in items:
            members[item.role].append(name)
    return members


def with_members(roles: Iterable[str], members: Mapping[str, Sequence[str]]) -> set[str]:
    """Return accounts, and all that have one of them as a role through any chain."""
    found = set(roles)
    waiting = list(found)
    while waiting:
        for member in members.get(waiting.pop(), ()):
            if member not in found:
                found.add(member)
                waiting.append(member)
    return found
