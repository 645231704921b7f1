"""Which accounts a question about an object could be answered by more than "no" for. Pure.

A question is asked of every account of a server, and most of them have nothing to do with it:
neither they nor a role of theirs was granted it, is a superuser, or is a role of which the world
does not know what it holds. Those that have are found from the grants on, by whom their holders
are roles of, once for all accounts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from sync_pipeline.engines.access.links import with_members
from sync_pipeline.engines.postgresql.access.grants import GrantIndex
from sync_pipeline.engines.postgresql.access.kinds import RELATIONS
from sync_pipeline.engines.postgresql.access.privileges import ALL_OF_KIND, Question
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC, RESTRICTIONS
from sync_pipeline.model.privilege import Securable, SecurableKind

_KINDS = (*RELATIONS, SecurableKind.SEQUENCE, SecurableKind.COLUMN, SecurableKind.SCHEMA)


class Concerned:
    """The accounts that one question concerns; found once for each question."""

    def __init__(self, graph: RoleGraph, index: GrantIndex) -> None:
        self._graph = graph
        self._index = index
        self._last: tuple[Securable, str, Collection[str] | None] | None = None
        self._found: dict[tuple[Securable, str], Collection[str] | None] = {}

    def is_concerned(self, asked: Question) -> bool:
        """Return whether the account might have the privilege, or that might not be known."""
        found = self.of(asked)
        return found is None or asked.account in found

    def of(self, asked: Question) -> Collection[str] | None:
        """Return the accounts that might have it, whoever is asked about; None: any."""
        last = self._last
        if last and last[0] is asked.securable and last[1] == asked.privilege and not asked.option:
            # Mostly all accounts are asked about one after the other.
            return last[2]
        is_plain = asked.securable.kind in _KINDS and asked.privilege not in RESTRICTIONS
        if asked.option or not is_plain or self._graph.has_stored_roles:
            return None
        key = (asked.securable, asked.privilege)
        if key not in self._found:
            self._found[key] = self._of(asked)
        self._last = (*key, self._found[key])
        return self._found[key]

    def _of(self, asked: Question) -> Collection[str] | None:
        """Return the accounts that are concerned; None: everyone."""
        found = {*self._always, *self._holders(asked)}
        return None if PUBLIC in found else with_members(found, self._graph.members)

    def _holders(self, asked: Question) -> Iterator[str]:
        on = asked.securable
        for place in (on, self._index.relation(on)):
            for holder, grant in self._index.on(place) if place else ():
                if grant.privilege == asked.privilege:
                    yield holder

    @cached_property
    def _always(self) -> frozenset[str]:
        graph = self._graph
        unknown = (role for role in graph.members if role not in graph.accounts)
        return frozenset((*graph.superusers, *graph.database_owners, *ALL_OF_KIND, *unknown))
