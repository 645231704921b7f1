"""How a PostgreSQL account comes to have one privilege on one object. Pure.

Manual, "Privileges", "Role Membership" and "Predefined Roles". What row security leaves of
it is not judged here (`access_rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sync_pipeline.engines.postgresql.access.catalogs import is_refused
from sync_pipeline.engines.postgresql.access.grants import GrantIndex
from sync_pipeline.engines.postgresql.access.kinds import (
    ATTRIBUTES,
    MAINTAIN,
    MEMBER,
    RELATIONS,
    SET,
    USAGE,
    exists,
)
from sync_pipeline.engines.postgresql.access.needs import (
    CONNECT,
    READ_ALL_DATA,
    WRITE_ALL_DATA,
    Needs,
)
from sync_pipeline.engines.postgresql.access.roles import Reached, RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import OWNERSHIP, PUBLIC
from sync_pipeline.model.access import Availability, EffectivePrivilege
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

K = SecurableKind
MAINTAIN_ALL = "pg_maintain"
_READ = {
    **dict.fromkeys((*RELATIONS, K.SEQUENCE, K.PROPERTY_GRAPH), ("SELECT",)),
    K.LARGE_OBJECT: ("SELECT",),
    K.SCHEMA: (USAGE,),
}
_WRITE = {
    **dict.fromkeys(RELATIONS, ("INSERT", "UPDATE", "DELETE")),
    K.SEQUENCE: ("UPDATE",),
    K.LARGE_OBJECT: ("UPDATE",),
    K.SCHEMA: (USAGE,),
}
ALL_OF_KIND: Mapping[str, Mapping[SecurableKind, tuple[str, ...]]] = {
    READ_ALL_DATA: _READ,
    WRITE_ALL_DATA: _WRITE,
    MAINTAIN_ALL: dict.fromkeys(RELATIONS, (MAINTAIN,)),
}
"""What the predefined roles may do with all objects of a kind, in every database."""
_ALL_DATA_SINCE = {K.LARGE_OBJECT: 19, K.PROPERTY_GRAPH: 19}
"""From which major version these are among all data (manual of 19, "Predefined Roles")."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether an account has a privilege on an object; `option`: whether it may grant it."""

    account: str
    privilege: str
    securable: Securable
    option: bool = False

    @property
    def database(self) -> str:
        """Return the database in which the object is looked at; empty: the server."""
        return self.securable.catalog or self.securable.database


class Privileges:
    """Finds every way in which an account has a privilege."""

    def __init__(self, graph: RoleGraph, index: GrantIndex, needs: Needs) -> None:
        self._graph = graph
        self._index = index
        self._needs = needs

    def ways(self, asked: Question) -> list[EffectivePrivilege]:
        """Return the ways, one a role that gives it: at login first, then shortest first."""
        if asked.account not in self._graph.accounts:
            return []
        found = [way for way in self._all(asked) if way.grantable or not asked.option]
        found.sort(key=lambda way: (way.availability is not Availability.AT_LOGIN, len(way.path)))
        return found

    def by_grant(self, asked: Question, grant: Grant, holder: str) -> EffectivePrivilege | None:
        """Return the way that a grant to some role gives to the account; None: it gives none."""
        reached = self._reached(asked).get(holder)
        if reached is None or self._comes_too_late(asked, reached):
            return None
        if is_refused(asked.privilege, grant.securable) and not asked.option:
            return None
        grantable = grant.grantable or self._may_grant(asked, reached)
        return self._way(asked, _source(grant, asked.securable), reached, grantable=grantable)

    def by_superuser(self, asked: Question) -> Iterator[EffectivePrivilege]:
        """Yield how the account is a superuser, or becomes one: the privilege exists then."""
        superuser = self._superuser(asked)
        if superuser and not self._comes_too_late(asked, superuser):
            yield self._way(asked, "superuser", superuser, grantable=True)

    def by_attribute(self, asked: Question) -> Iterator[EffectivePrivilege]:
        """Yield the roles that have an attribute; it counts for the session's role alone."""
        name = ATTRIBUTES.get(asked.privilege)
        if name is None:
            return
        for way in self._graph.acting(asked.account):
            if self._graph.attribute(way.acting, name):
                yield self._way(asked, f"attribute {asked.privilege}", way)

    def by_predefined(self, asked: Question) -> Iterator[EffectivePrivilege]:
        """Yield the predefined roles that may do this with all objects of the kind.

        The privilege on a table is one on its columns; none of it may be granted on.
        """
        on = asked.securable
        if on.kind is K.COLUMN:
            on = replace(on, kind=K.TABLE, column="")
        kind = on.kind
        if is_refused(asked.privilege, on):
            return
        if self._graph.major < _ALL_DATA_SINCE.get(kind, 0):
            return
        reached = self._graph.reached(asked.account, asked.database)
        for role in _of_all(asked.privilege, kind):
            if role in reached:
                yield self._way(asked, f"predefined role {role}", reached[role])

    def _all(self, asked: Question) -> Iterator[EffectivePrivilege]:
        if exists(asked.privilege, asked.securable.kind, self._graph.major):
            yield from self.by_superuser(asked)
            if asked.option:
                yield from self._by_ownership(asked)
        if asked.securable.kind is K.SERVER:
            yield from self.by_attribute(asked)
        elif asked.securable.kind is K.PRINCIPAL:
            yield from self._by_membership(asked)
        else:
            yield from self._by_grants(asked)
            yield from self.by_predefined(asked)

    def _by_grants(self, asked: Question) -> Iterator[EffectivePrivilege]:
        """Yield what was granted; on a column also what was granted on its table."""
        places = [asked.securable]
        if asked.securable.kind is K.COLUMN:
            relation = self._index.relation(asked.securable)
            if relation and exists(asked.privilege, K.COLUMN, self._graph.major):
                places.append(relation)
        reached = self._reached(asked)
        for on in places:
            for holder, grant in self._index.of_holders(on, asked.privilege, reached):
                way = self.by_grant(asked, grant, holder)
                if way:
                    yield way

    def _by_ownership(self, asked: Question) -> Iterator[EffectivePrivilege]:
        """Yield the owner: it may grant everything, whatever it revoked from itself."""
        owner = self._index.owner(asked.securable)
        reached = self._graph.reached(asked.account, asked.database)
        if owner in reached:
            yield self._way(asked, "owner", reached[owner], grantable=True)

    def _by_membership(self, asked: Question) -> Iterator[EffectivePrivilege]:
        """Yield how the account has a role, as `pg_has_role` understands the words.

        MEMBER is any membership, USAGE one whose privileges are in force, SET one that
        lets the session become the role (from 16; before it any does).
        """
        role = asked.securable.name
        if asked.option:
            yield from self._by_admin(asked, role)
        elif asked.privilege == USAGE:
            reached = self._graph.reached(asked.account)
            if role in reached and role != PUBLIC:
                yield self._way(asked, MEMBER.lower(), reached[role])
        else:
            found = self._graph.member_of(asked.account)
            if asked.privilege == SET and self._graph.has_options:
                found = self._graph.may_become(asked.account)
            if role in found and asked.privilege in (MEMBER, SET):
                yield self._way(asked, MEMBER.lower(), Reached(found[role], asked.account))

    def _by_admin(self, asked: Question, role: str) -> Iterator[EffectivePrivilege]:
        for member, link in self._graph.member_of(asked.account).items():
            if any(m.admin and m.role == role for m in self._graph.memberships(member)):
                reached = Reached(link, asked.account)
                yield self._way(asked, f"ADMIN OPTION on {role}", reached, grantable=True)

    def _reached(self, asked: Question) -> Mapping[str, Reached]:
        """Return whose privileges count: for CONNECT those from before the login."""
        if asked.privilege == CONNECT and not asked.option:
            return self._graph.in_role(asked.account, asked.database)
        return self._graph.reached(asked.account, asked.database)

    def _superuser(self, asked: Question) -> Reached | None:
        account = asked.account
        if asked.privilege == CONNECT and not asked.option and self._graph.is_superuser(account):
            return self._graph.in_role(account)[account]
        return self._graph.superuser(account, asked.database)

    def _comes_too_late(self, asked: Question, reached: Reached) -> bool:
        """Return whether SET ROLE is no way to a privilege: one must CONNECT before it."""
        return asked.privilege == CONNECT and not asked.option and not reached.is_at_login

    def _may_grant(self, asked: Question, reached: Reached) -> bool:
        owner = self._index.owner(asked.securable)
        if not self._graph.may_reach(reached.acting, owner):
            return False
        known = self._graph.in_role(reached.acting, asked.database)
        return owner in known and known[owner].is_at_login

    def _way(
        self, asked: Question, source: str, reached: Reached, *, grantable: bool = False
    ) -> EffectivePrivilege:
        lacking = self._needs.lacking(
            asked.account, reached.acting, asked.privilege, asked.securable
        )
        return EffectivePrivilege(
            account=asked.account,
            privilege=asked.privilege,
            securable=asked.securable,
            source=source,
            path=reached.path,
            grantable=grantable,
            availability=reached.availability,
            lacking=lacking,
        )


@lru_cache(maxsize=256)
def _of_all(privilege: str, kind: SecurableKind) -> Sequence[str]:
    """Return the predefined roles that have a privilege on all objects of a kind."""
    return [role for role, kinds in ALL_OF_KIND.items() if privilege in kinds.get(kind, ())]


def _source(grant: Grant, asked: Securable) -> str:
    """Return what gives a privilege at the end of its path."""
    if grant.privilege == OWNERSHIP:
        return "owner"
    by = f" by {grant.grantor}" if grant.grantor else ""
    where = "" if grant.securable == asked else f" on the {grant.securable.kind}"
    return f"grant{where}{by}"
