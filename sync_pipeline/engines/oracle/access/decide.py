"""Whether an account has a privilege, and all that it has. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.doubts import plain
from sync_pipeline.engines.oracle.access.any import OBJECT_PRIVILEGES, is_write
from sync_pipeline.engines.oracle.access.concerned import Concerned
from sync_pipeline.engines.oracle.access.grants import Grants, Held
from sync_pipeline.engines.oracle.access.login import Logins
from sync_pipeline.engines.oracle.access.names import container_of
from sync_pipeline.engines.oracle.access.objects import KnownObjects
from sync_pipeline.engines.oracle.access.powers import Powers
from sync_pipeline.engines.oracle.access.predefined import connecting_as
from sync_pipeline.engines.oracle.access.reach import BY_OWNERSHIP, OWNER, Reach
from sync_pipeline.engines.oracle.access.roles import AS_PROXY, RoleGraph, Way
from sync_pipeline.engines.oracle.access.status import attribute, is_read_only
from sync_pipeline.engines.oracle.accounts.traits import BY_ROOT
from sync_pipeline.model.access import (
    EVERYTHING,
    AccessWorld,
    Availability,
    Decision,
    EffectivePrivilege,
)
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

_ALL = frozenset({EVERYTHING, "ALL PRIVILEGES"})
READ_ONLY_SINCE = 23
_READ_ONLY = "READ ONLY: the user may not write, whatever was granted"
_READING = "SELECT ANY TABLE"
"""What is left of everything, or of a schema of one's own, to who may not write."""
_BY_ROOT = (
    "whether the root granted {name} SYSDBA or its kin for all containers, which is not seen from "
    "inside a pluggable database"
)


class Decisions:
    """The rules over the accounts of one world."""

    def __init__(self, world: AccessWorld, known: KnownObjects) -> None:
        self._world = world
        self._known = known
        self._roles = RoleGraph(world)
        self._grants = Grants(world)
        self.powers = Powers(world, self._roles, self._grants)
        self._logins = Logins(world, self._roles, self._grants, self.powers)
        self._reach = Reach(world, self._grants, self.powers, major_version(world.version))
        self._concerned = Concerned(world, self._reach)

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return whether an account has a privilege on a securable.

        Only what is in the account's own container counts: a privilege is in force in the
        container in which it was granted (SQL Language Reference, GRANT, CONTAINER).
        """
        state = self._world.accounts.get(account)
        if state is None or container_of(securable) != state.database:
            return Decision(account, privilege, securable)
        operation = " ".join(privilege.upper().split())
        found = self._all if operation in _ALL else self._one
        held = found(account, operation, securable)
        may_write = tuple(item for item in held if not self._is_forbidden(item, operation))
        denied = (_READ_ONLY,) if held and not may_write else ()
        decision = Decision(account, privilege, securable, may_write, denied)
        if decision.is_allowed_at_login:
            unknown = self._unread_limits(state, operation)
        else:
            unknown = () if denied else tuple(self._unknown(decision, securable))
        return replace(decision, unknown=unknown)

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts without which `decide` says no; None: it may say more of any."""
        operation = " ".join(privilege.upper().split())
        if operation in _ALL or self._unread(securable):
            return None
        return self._concerned.of(operation, securable)

    def _unread(self, securable: Securable) -> tuple[Gap, ...]:
        return self._world.unread(_sections(securable))

    def _is_forbidden(self, item: EffectivePrivilege, operation: str) -> bool:
        """Return whether a privilege writes, and the session's user may not."""
        return is_write(operation) and is_read_only(self._world, _user_of(item))

    def _unread_limits(self, state: AccountState, operation: str) -> tuple[Gap, ...]:
        """Return the section that could take a write away, where it was not read."""
        is_new = major_version(self._world.version) >= READ_ONLY_SINCE
        if not is_new or not is_write(operation):
            return ()
        return self._world.unread([SectionKey(SectionName.SETTINGS, state.database)])

    def everything(self, account: str) -> tuple[EffectivePrivilege, ...]:
        """Return all that an account has; of a superuser one entry.

        One that is a superuser only after SET ROLE has what it has at login beside it.
        """
        state = self._world.accounts.get(account)
        if state is None:
            return ()
        server = Securable(Kind.SERVER, database=state.database, catalog=state.database)
        found: dict[tuple[str, Securable], EffectivePrivilege] = {}
        for way in self._roles.ways(account):
            for held in self._all_held(way, server):
                item = self._readable(self._effective(way, held, held.privilege, held.securable))
                if item is None:
                    continue
                known = found.get((item.privilege, item.securable))
                if known is None or _rank(item) < _rank(known):
                    found[item.privilege, item.securable] = item
        whole = found.get((EVERYTHING, server))
        if whole and whole.availability is Availability.AT_LOGIN:
            return (whole,)
        return tuple(sorted(found.values(), key=lambda item: (item is not whole, _place(item))))

    def _readable(self, item: EffectivePrivilege) -> EffectivePrivilege | None:
        """Return a privilege, or what is left of it to who may not write; None: nothing."""
        if not self._is_forbidden(item, item.privilege):
            return item
        is_whole = item.privilege in (EVERYTHING, OWNER)
        return replace(item, privilege=_READING, grantable=False) if is_whole else None

    def _all_held(self, way: Way, server: Securable) -> Iterator[Held]:
        if held := self._reach.superuser(way, EVERYTHING, server):
            yield held
        schema = self._reach.owned_schema(way.user) if way.is_direct else ""
        if schema and self._known.has_objects(server.database, schema):
            on = replace(server, kind=Kind.SCHEMA, schema=schema)
            yield Held(OWNER, on, BY_OWNERSHIP, grantable=True)
        yield from self._grants.of(way.holder, server.database).values()

    def _one(
        self, account: str, operation: str, securable: Securable
    ) -> tuple[EffectivePrivilege, ...]:
        found = {
            self._effective(way, held, operation, securable)
            for way in self._roles.ways(account)
            for held in self._reach.held(way, operation, securable)
        }
        return tuple(sorted(found, key=_rank))

    def _all(
        self, account: str, operation: str, securable: Securable
    ) -> tuple[EffectivePrivilege, ...]:
        """Return ALL: on an object, all object privileges of its kind, by the weakest of them.

        All of them in one session: an account that may connect as another has not what
        only both have together.
        """
        privileges = OBJECT_PRIVILEGES.get(securable.kind)
        if privileges is None:
            return self._one(account, operation, securable)
        held = [self._one(account, privilege, securable) for privilege in privileges]
        users = sorted({_user_of(item) for way in held for item in way})
        found = (self._all_of(user, operation, held) for user in users)
        return tuple(sorted((item for item in found if item), key=_rank))

    def _all_of(
        self, user: str, operation: str, held: Sequence[tuple[EffectivePrivilege, ...]]
    ) -> EffectivePrivilege | None:
        """Return ALL as one session has it: that of the account, or of one it connects as."""
        ways = [[item for item in way if _user_of(item) == user] for way in held]
        if not all(ways):
            return None
        weakest = max((way[0] for way in ways), key=_rank)
        grantable = all(any(item.grantable for item in way) for way in ways)
        return replace(weakest, privilege=operation, grantable=grantable)

    def _effective(
        self, way: Way, held: Held, privilege: str, securable: Securable
    ) -> EffectivePrivilege:
        account = way.account
        connection = (connecting_as(held.connects_as),) if held.connects_as else ()
        login = (
            *self._logins.lacking(account, connects_as=bool(held.connects_as)),
            *self._logins.lacking_as(way),
        )
        return EffectivePrivilege(
            account=account,
            privilege=privilege,
            securable=securable,
            source=held.source,
            path=way.path,
            grantable=held.grantable,
            availability=way.availability,
            lacking=(*way.lacking, *connection, *login),
        )

    def _unknown(self, decision: Decision, securable: Securable) -> Iterator[Gap]:
        """Yield what was not read and could give the account the privilege.

        Besides sections these are Oracle's own roles that a filter kept out: whatever the
        manuals list, more may have been granted to them. A role that must be activated
        first changes nothing where the account has the privilege by activating one.
        """
        account = decision.account
        yield from self._unread(securable)
        state = self._world.accounts[account]
        if attribute(state, BY_ROOT):
            yield Gap(_BY_ROOT.format(name=plain(account)))
        for way in self._roles.ways(account):
            matters = not decision.is_allowed or not way.needs_set_role
            if way.holder not in self._world.accounts and matters:
                yield Gap(f"the contents of role {way.holder}, which the snapshot leaves out")


def _sections(securable: Securable) -> Iterator[SectionKey]:
    """Yield the sections that could give a privilege on a securable."""
    names = {
        SectionName.ACCOUNTS,
        SectionName.MEMBERSHIPS,
        SectionName.SERVER,
        SectionName.SCHEMA,
        SectionName.PROXY,
        securable.section.name,
    }
    if securable.kind is Kind.COLUMN:
        names.add(SectionName.TABLE)
    return (SectionKey(name, container_of(securable)) for name in sorted(names))


def _user_of(item: EffectivePrivilege) -> str:
    """Return the account whose session a privilege is used in."""
    is_entered = len(item.path) > 1 and item.path[1].how == AS_PROXY
    return item.path[1 if is_entered else 0].account


def _rank(item: EffectivePrivilege) -> tuple[bool, int, int, bool, str, str]:
    """Return the sort key: in force at login, least to do, shortest, grantable."""
    return (
        item.availability is not Availability.AT_LOGIN,
        len(item.path),
        len(item.lacking),
        not item.grantable,
        item.source,
        repr(item.path),
    )


def _place(item: EffectivePrivilege) -> tuple[str, ...]:
    """Return the sort key of a listing: by object, then privilege."""
    on = item.securable
    return (on.kind, on.database, on.schema, on.name, on.column, item.privilege)


def major_version(version: str) -> int:
    """Return the release of a version text such as `19.22.0.0.0`; 0 where it has none."""
    digits = re.search(r"\d+", version)
    return int(digits.group()) if digits else 0
