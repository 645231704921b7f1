"""Whether an account has a privilege, and all that it has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sync_pipeline.engines.oracle.access_any import OBJECT_PRIVILEGES
from sync_pipeline.engines.oracle.access_grants import Grants, Held
from sync_pipeline.engines.oracle.access_login import Logins
from sync_pipeline.engines.oracle.access_names import container_of, local_name
from sync_pipeline.engines.oracle.access_objects import KnownObjects
from sync_pipeline.engines.oracle.access_powers import Powers
from sync_pipeline.engines.oracle.access_predefined import PREDEFINED_ROLES, connecting_as
from sync_pipeline.engines.oracle.access_reach import BY_OWNERSHIP, OWNER, Reach
from sync_pipeline.engines.oracle.access_roles import RoleGraph, Way
from sync_pipeline.engines.oracle.access_sections import is_unread
from sync_pipeline.model.access import (
    EVERYTHING,
    AccessWorld,
    Availability,
    Decision,
    EffectivePrivilege,
)
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

_ALL = frozenset({EVERYTHING, "ALL PRIVILEGES"})


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
        decision = Decision(account, privilege, securable, held)
        if decision.is_allowed_at_login:
            return decision
        return replace(decision, unknown=tuple(self._unknown(account, securable)))

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
                item = self._effective(way, held, held.privilege, held.securable)
                known = found.get((item.privilege, item.securable))
                if known is None or _rank(item) < _rank(known):
                    found[item.privilege, item.securable] = item
        whole = found.get((EVERYTHING, server))
        if whole and whole.availability is Availability.AT_LOGIN:
            return (whole,)
        return tuple(sorted(found.values(), key=lambda item: (item is not whole, _place(item))))

    def _all_held(self, way: Way, server: Securable) -> Iterator[Held]:
        if held := self._reach.superuser(way, EVERYTHING, server):
            yield held
        schema = self._reach.owned_schema(way.holder) if way.is_direct else ""
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
        """Return ALL: on an object, all object privileges of its kind, by the weakest of them."""
        privileges = OBJECT_PRIVILEGES.get(securable.kind)
        if privileges is None:
            return self._one(account, operation, securable)
        ways = [self._one(account, privilege, securable) for privilege in privileges]
        if not all(ways):
            return ()
        weakest = max((way[0] for way in ways), key=_rank)
        grantable = all(any(item.grantable for item in way) for way in ways)
        return (replace(weakest, privilege=operation, grantable=grantable),)

    def _effective(
        self, way: Way, held: Held, privilege: str, securable: Securable
    ) -> EffectivePrivilege:
        account = way.path[0].account
        connection = (connecting_as(held.connects_as),) if held.connects_as else ()
        login = self._logins.lacking(account, connects_as=bool(held.connects_as))
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

    def _unknown(self, account: str, securable: Securable) -> Iterator[str]:
        """Yield what was not read and could give the account the privilege.

        Besides sections these are Oracle's own roles that a filter kept out and whose
        contents the manuals do not list.
        """
        container = container_of(securable)
        sections = {
            SectionName.ACCOUNTS,
            SectionName.MEMBERSHIPS,
            SectionName.SERVER,
            SectionName.SCHEMA,
            securable.section.name,
        }
        if securable.kind is Kind.COLUMN:
            sections.add(SectionName.TABLE)
        for section in sorted(sections):
            if is_unread(self._world, section, container):
                yield str(SectionKey(section, container))
        for way in self._roles.ways(account):
            if way.holder not in self._world.accounts:
                contents = PREDEFINED_ROLES.get(local_name(way.holder, container))
                if contents is None or not contents.is_complete:
                    yield f"the contents of role {way.holder}, which the snapshot leaves out"


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
