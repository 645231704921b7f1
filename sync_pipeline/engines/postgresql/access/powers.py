"""Powers over other accounts that a PostgreSQL account has or can give itself. Pure.

Manual, "Role Attributes", "Role Membership", "Predefined Roles" and GRANT:

- SUPERUSER counts for the session's role alone, so a member gets it by SET ROLE.
- ADMIN OPTION on a role lets one grant it to anyone, oneself included, unless the role is
  a superuser: only superusers grant those.
- Before 16 CREATEROLE may grant and alter every role that is no superuser. From 16 it
  needs ADMIN OPTION on the role, so by itself it is no power over what exists.
- A managed service gives its customers a role in the place of a superuser (`platform.py`). What
  its members may do is what the catalogs say of it, as of each role.
- Whoever has `pg_execute_server_program`, `pg_write_server_files` or
  `pg_read_server_files` acts as the server's own system user, and the manual warns that
  superuser-level access can be gained so.
- Whoever may write single columns of the catalogs of accounts writes itself in, which a grant
  on the whole table does not allow (`access_catalogs`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.postgresql.access.roles import (
    MEMBER,
    SET_ROLE,
    RoleGraph,
)
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.engines.postgresql.accounts.predefined import DATABASE_OWNER
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.model.access import Availability, Hold, Path, Power, PowerKind
from sync_pipeline.model.privilege import Membership

AS_SUPERUSER = (
    "pg_execute_server_program",
    "pg_write_server_files",
    "pg_read_server_files",
)
SUPERUSER = "superuser"
CREATE_ROLE = "CREATEROLE"
_ATTRIBUTES = {
    SUPERUSER: ("is_superuser", "SUPERUSER"),
    CREATE_ROLE: ("can_create_roles", CREATE_ROLE),
}
"""What the state of an account calls an attribute, and what ALTER ROLE does."""
_ORDER = tuple(PowerKind)
_BY_ADMIN = "grants it to itself: ADMIN OPTION"
_BY_CREATE_ROLE = "grants it to itself: CREATEROLE"


@dataclass(frozen=True, slots=True)
class _Seat:
    """A role that the account can use: to act as it, or only its privileges.

    `grants` says whether the account first grants itself a role; `all_roles` whether it
    may grant itself any, so that power over single ones adds nothing.
    """

    link: Link
    is_acting: bool
    sets: bool = False
    grants: bool = False
    all_roles: bool = False

    @property
    def role(self) -> str:
        """Return the role, at which the way to it ends."""
        return self.link.account

    @property
    def path(self) -> Path:
        """Return the way to the role."""
        return self.link.path

    @property
    def availability(self) -> Availability:
        """Return whether the account must set or grant itself a role first."""
        needs_more = self.sets or self.grants
        return Availability.AFTER_SET_ROLE if needs_more else Availability.AT_LOGIN

    def then(
        self,
        role: str,
        how: str,
        *,
        is_acting: bool = True,
        sets: bool = False,
        grants: bool = False,
        all_roles: bool = False,
    ) -> _Seat:
        """Return the seat that is one step further; what was needed before, is needed there."""
        return _Seat(
            self.link.then(role, how),
            is_acting,
            self.sets or sets,
            self.grants or grants,
            self.all_roles or all_roles,
        )


def powers(graph: RoleGraph, account: str) -> Sequence[Power]:
    """Return the powers by their shortest paths: superuser first, then those at login."""
    if account not in graph.accounts:
        return ()
    found: dict[tuple[PowerKind, str], Power] = {}
    for seat in _seats(graph, account):
        for power in _of_seat(graph, seat):
            known = found.setdefault((power.kind, power.source), power)
            if _rank(power) < _rank(known):
                found[power.kind, power.source] = power
    return sorted(found.values(), key=_rank)


def _rank(power: Power) -> tuple[int, bool, int, str]:
    return (
        _ORDER.index(power.kind),
        power.availability is not Availability.AT_LOGIN,
        len(power.path),
        power.source,
    )


def _seats(graph: RoleGraph, account: str) -> Iterator[_Seat]:
    """Yield what the account can come to use, in order of steps."""
    first = [
        _Seat(way.link, is_acting=True, sets=not way.is_at_login)
        for way in graph.acting(account)
        if way.is_at_login or way.acting == account
    ]
    seen = {(seat.role, True, seat.availability) for seat in first}
    waiting = deque(first)
    while waiting:
        seat = waiting.popleft()
        yield seat
        if seat.is_acting and graph.is_superuser(seat.role):
            continue
        for other in _next(graph, seat):
            key = (other.role, other.is_acting, other.availability)
            if key not in seen:
                seen.add(key)
                waiting.append(other)


def _next(graph: RoleGraph, seat: _Seat) -> Iterator[_Seat]:
    for item in graph.memberships(seat.role):
        if graph.does_inherit(seat.role, item):
            yield seat.then(item.role, MEMBER, is_acting=False)
        if seat.is_acting and graph.can_set(item):
            yield seat.then(item.role, SET_ROLE, sets=True)
        if _is_usable(graph, item):
            yield seat.then(item.role, _BY_ADMIN, grants=True)
    if _creates_roles(graph, seat):
        for role in (*graph.accounts, *AS_SUPERUSER):
            if role not in (PUBLIC, DATABASE_OWNER) and not graph.is_superuser(role):
                yield seat.then(role, _BY_CREATE_ROLE, grants=True, all_roles=True)


def _is_usable(graph: RoleGraph, item: Membership) -> bool:
    return item.admin and not graph.is_superuser(item.role)


def _creates_roles(graph: RoleGraph, seat: _Seat) -> bool:
    if graph.has_options or not seat.is_acting:
        return False
    return bool(graph.attribute(seat.role, "can_create_roles"))


def _of_seat(graph: RoleGraph, seat: _Seat) -> Iterator[Power]:
    if seat.is_acting and graph.is_superuser(seat.role):
        power = Power(PowerKind.SUPERUSER, SUPERUSER, seat.path, seat.availability)
        yield _by_attribute(graph, power, seat.role, SUPERUSER)
        return
    is_itself = seat.link.length == 1
    if seat.role == graph.stand_in:
        source = f"{seat.role}, which {graph.platform.service} gives in the place of a superuser"
        yield Power(
            PowerKind.ADMINISTRATOR, source, seat.path, seat.availability, is_inherent=is_itself
        )
    if seat.role in AS_SUPERUSER:
        source = f"predefined role {seat.role}"
        predefined = Power(
            PowerKind.SUPERUSER, source, seat.path, seat.availability, is_inherent=is_itself
        )
        yield _by_own_grant(graph, predefined)
    for grant in graph.writing_accounts(seat.role):
        by = (Hold(seat.role, grant),)
        found = Power(PowerKind.SUPERUSER, str(grant), seat.path, seat.availability, by=by)
        yield _by_own_grant(graph, found)
    if seat.all_roles:
        return
    if _creates_roles(graph, seat):
        power = Power(PowerKind.GRANT_ADMIN, CREATE_ROLE, seat.path, seat.availability)
        yield _by_attribute(graph, power, seat.role, CREATE_ROLE)
    for item in graph.memberships(seat.role):
        if _is_usable(graph, item):
            by = (Hold(seat.role, membership=item),)
            source = f"ADMIN OPTION on {item.role}"
            power = Power(PowerKind.GRANT_ADMIN, source, seat.path, _admin_from(graph, seat), by=by)
            yield _by_own_grant(graph, power)


def _by_attribute(graph: RoleGraph, power: Power, role: str, source: str) -> Power:
    """Return a power with the statement that takes the attribute away which gives it."""
    attribute, word = _ATTRIBUTES[source]
    name = quoted(role)
    return replace(
        power,
        fix=f"ALTER ROLE {name} NO{word};",
        undo=f"ALTER ROLE {name} {word};",
        by=(Hold(role, attribute=attribute),),
        kept=graph.must_stay(role) if source == SUPERUSER or graph.stand_in else "",
    )


def _by_own_grant(graph: RoleGraph, power: Power) -> Power:
    """Return a power; one that begins with CREATEROLE ends with that."""
    for here, there in pairwise(power.path):
        if there.how == _BY_CREATE_ROLE:
            return _by_attribute(graph, power, here.account, CREATE_ROLE)
    return power


def _admin_from(graph: RoleGraph, seat: _Seat) -> Availability:
    """Return when ADMIN OPTION can be used: before 16 any membership was enough."""
    if graph.has_options or seat.grants:
        return seat.availability
    return Availability.AT_LOGIN
