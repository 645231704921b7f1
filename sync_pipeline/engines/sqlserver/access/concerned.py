"""Which accounts a question about a securable could be answered by more than "no" for. Pure.

Principals that give or take a permission, lend it, or may be impersonated are found first, each by
itself. Concerned is who counts as one of them: its members through any chain, and the logins
whose users these are. What counts for all of a server or a database concerns everyone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from sync_pipeline.engines.access.links import members_of, with_members
from sync_pipeline.engines.sqlserver.access.beyond import Beyond
from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.entry import SERVER
from sync_pipeline.engines.sqlserver.access.fixed_roles import SYSADMIN
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL, Holdings
from sync_pipeline.engines.sqlserver.access.levels import database_of
from sync_pipeline.engines.sqlserver.access.principals import DBO, GUEST, PUBLIC, Principals
from sync_pipeline.engines.sqlserver.names import principal_name, split_account
from sync_pipeline.model.privilege import Securable, SecurableKind


class Concerned:
    """Finds them for the questions of one world."""

    def __init__(
        self, principals: Principals, holdings: Holdings, decider: Decider, beyond: Beyond
    ) -> None:
        self._principals = principals
        self._holdings = holdings
        self._decider = decider
        self._beyond = beyond

    def of(self, permission: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts that a permission concerns; None: any."""
        if self._decider.unread(securable):
            return None
        found = with_members(self._sources(permission, securable), self._members)
        if not found.isdisjoint(self._everyone):
            return None
        logins = (login for user in found for login in self._logins.get(user, ()))
        return found | with_members(logins, self._members)

    def _sources(self, permission: str, securable: Securable) -> Iterator[str]:
        """Yield the principals by which an account may be told more than "no"."""
        database = database_of(securable)
        yield from (SYSADMIN, *self._principals.server_admins, principal_name(database, DBO))
        yield from self._principals.owners_of(database)
        yield from self._beyond.impersonating
        inside = Securable(SecurableKind.DATABASE, database=database, catalog=database)
        wanted = {
            *self._decider.wanted(permission, securable),
            *self._decider.wanted("IMPERSONATE ANY LOGIN", SERVER),
            *self._decider.wanted(CONTROL, inside),
        }
        for name in self._names:
            is_holder = not wanted.isdisjoint(self._holdings.of(name))
            if is_holder or self._beyond.is_lender(name, permission, securable):
                yield name
        for name in self._principals.accounts:
            if self._decider.groups_of(name):
                yield name

    @cached_property
    def _names(self) -> Collection[str]:
        """Return all principals, also fixed roles that are no accounts of the world."""
        return {*self._principals.accounts, *self._members, *self._everyone}

    @cached_property
    def _members(self) -> Mapping[str, Sequence[str]]:
        accounts = self._principals.accounts
        return members_of((name, state.memberships) for name, state in accounts.items())

    @cached_property
    def _everyone(self) -> frozenset[str]:
        """Return what everyone counts as: who has no user in a database is its guest."""
        databases = {split_account(name)[0] for name in self._principals.accounts} - {""}
        within = (principal_name(item, name) for item in databases for name in (PUBLIC, GUEST))
        return frozenset((PUBLIC, *within))

    @cached_property
    def _logins(self) -> Mapping[str, Sequence[str]]:
        return self._principals.logins_of_users
