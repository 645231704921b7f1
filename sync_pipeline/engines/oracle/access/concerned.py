"""Which accounts a question about an object could be answered by more than "no" for. Pure.

Who gives an operation on an object is found first, each holder by itself: by a grant, an ANY
privilege, ownership or as a superuser. Concerned is who has one of them as a role through any
chain, who connects as another account, and who has a role whose contents the world lacks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from sync_pipeline.engines.access.links import Link, members_of, with_members
from sync_pipeline.engines.oracle.access.any import created
from sync_pipeline.engines.oracle.access.names import container_of
from sync_pipeline.engines.oracle.access.reach import Reach
from sync_pipeline.engines.oracle.access.roles import Way, is_user
from sync_pipeline.engines.oracle.access.status import attribute
from sync_pipeline.engines.oracle.accounts.proxies import is_through
from sync_pipeline.engines.oracle.accounts.traits import BY_ROOT
from sync_pipeline.engines.oracle.names import PUBLIC, account_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable


class Concerned:
    """Finds them for the questions of one world."""

    def __init__(self, world: AccessWorld, reach: Reach) -> None:
        self._world = world
        self._reach = reach

    def of(self, operation: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts that one operation concerns, whatever was read; None: any."""
        if created(operation):
            # In a schema of one's own it takes what a role may hold that has no schema.
            return None
        container = container_of(securable)
        found = with_members((*self._always, *self._givers(operation, securable)), self._members)
        return None if account_name(PUBLIC, container) in found else found

    def _givers(self, operation: str, securable: Securable) -> Iterator[str]:
        container = container_of(securable)
        for name, state in self._world.accounts.items():
            if state.database == container:
                itself = Way(Link(name), name, name)
                if next(self._reach.held(itself, operation, securable), None) is not None:
                    yield name

    @cached_property
    def _members(self) -> Mapping[str, Sequence[str]]:
        accounts = self._world.accounts.items()
        return members_of((name, state.memberships) for name, state in accounts)

    @cached_property
    def _always(self) -> frozenset[str]:
        """Return whom any question concerns: proxies, and who has what is not in the world."""
        accounts = self._world.accounts
        beside = (
            name
            for name, state in accounts.items()
            if attribute(state, BY_ROOT)
            or (is_user(state) and any(is_through(grant.privilege) for grant in state.grants))
        )
        return frozenset((*beside, *(role for role in self._members if role not in accounts)))
