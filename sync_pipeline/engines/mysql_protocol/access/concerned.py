"""Which accounts a question about a database, a table or a column is for. Pure.

Most accounts of a server have nothing that could count for one table, neither themselves nor by
a role, by another account of their user or by what everybody has. Those that have are found from
the grants on, once for all accounts, and not by looking through the sessions of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sync_pipeline.engines.access.links import members_of, with_members
from sync_pipeline.engines.mysql_protocol.access.holdings import NOTHING, Holdings
from sync_pipeline.model.access import EVERYTHING, AccessWorld
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Securable, SecurableKind

_KINDS = (SecurableKind.DATABASE, SecurableKind.TABLE, SecurableKind.COLUMN)
_Users = Mapping[str, Sequence[tuple[str, str]]]


@dataclass
class Concerned:
    """The accounts that questions of one world concern; found once for each object.

    `users` are the accounts that log in, by the name of their user; empty: the anonymous one,
    whose rows may apply to all. `is_match` tells whether the name in a grant means a database.
    """

    world: AccessWorld
    holdings: Mapping[str, Holdings]
    users: _Users
    is_match: Callable[[str, str], bool]
    _found: dict[tuple[str, Securable], frozenset[str] | None] = field(default_factory=dict)

    def is_concerned(self, account: str, word: str, on: Securable) -> bool:
        """Return whether what counts for the account could give or take a privilege."""
        found = self.of(word, on)
        return found is None or account in found

    def of(self, word: str, on: Securable) -> frozenset[str] | None:
        """Return the accounts for which something could give or take it; None: any."""
        if on.kind not in _KINDS or word == EVERYTHING:
            return None
        if (word, on) not in self._found:
            self._found[word, on] = self._of(word, on)
        return self._found[word, on]

    def _of(self, word: str, on: Securable) -> frozenset[str] | None:
        """Return the accounts that are concerned; None: everyone."""
        if self._has_denies:
            return None
        holders = (
            name
            for name, held in self.holdings.items()
            if held is not NOTHING and self._may_give(held, word, on)
        )
        found = with_members(holders, self._members)
        if any(self.world.accounts[name].kind is AccountKind.PUBLIC for name in found):
            return None
        namesakes: set[str] = set()
        for user, accounts in self.users.items():
            names = {name for name, _ in accounts}
            if not names.isdisjoint(found):
                if not user:
                    return None
                namesakes |= names
        return frozenset(found | namesakes)

    def _may_give(self, held: Holdings, word: str, on: Securable) -> bool:
        key = (on.database, on.name)
        return (
            word in held.server
            or word in held.tables.get(key, ())
            or any(word in column for column in held.columns.get(key, {}).values())
            or any(
                word in privileges and (stored == on.database or self.is_match(stored, on.database))
                for stored, privileges in held.databases.items()
            )
        )

    @cached_property
    def _members(self) -> Mapping[str, Sequence[str]]:
        accounts = self.world.accounts
        return members_of((name, state.memberships) for name, state in accounts.items())

    @cached_property
    def _has_denies(self) -> bool:
        states = self.world.accounts.values()
        return any(grant.deny for state in states for grant in state.grants)
