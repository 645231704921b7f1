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

from sync_pipeline.engines.postgresql.access.catalogs import makes_superuser
from sync_pipeline.engines.postgresql.access.roles import (
    DATABASE_OWNER,
    MEMBER,
    SET_ROLE,
    RoleGraph,
)
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.model.access import Availability, Hold, Path, Power, PowerKind, Step
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

    role: str
    is_acting: bool
    path: Path
    sets: bool = False
    grants: bool = False
    all_roles: bool = False

    @property
    def availability(self) -> Availability:
        """Return whether the account must set or grant itself a role first."""
        needs_more = self.sets or self.grants
        return Availability.AFTER_SET_ROLE if needs_more else Availability.AT_LOGIN


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
        _Seat(way.acting, is_acting=True, path=way.path, sets=not way.is_at_login)
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
            yield replace(_step(seat, item.role, MEMBER), is_acting=False)
        if seat.is_acting and graph.can_set(item):
            yield replace(_step(seat, item.role, SET_ROLE), sets=True)
        if _is_usable(graph, item):
            yield replace(_step(seat, item.role, _BY_ADMIN), grants=True)
    if _creates_roles(graph, seat):
        for role in (*graph.accounts, *AS_SUPERUSER):
            if role not in (PUBLIC, DATABASE_OWNER) and not graph.is_superuser(role):
                made = _step(seat, role, _BY_CREATE_ROLE)
                yield replace(made, grants=True, all_roles=True)


def _step(seat: _Seat, role: str, how: str) -> _Seat:
    return replace(seat, role=role, is_acting=True, path=(*seat.path, Step(role, how)))


def _is_usable(graph: RoleGraph, item: Membership) -> bool:
    return item.admin and not graph.is_superuser(item.role)


def _creates_roles(graph: RoleGraph, seat: _Seat) -> bool:
    if graph.has_options or not seat.is_acting:
        return False
    return bool(graph.attribute(seat.role, "can_create_roles"))


def _of_seat(graph: RoleGraph, seat: _Seat) -> Iterator[Power]:
    path = seat.path
    if seat.is_acting and graph.is_superuser(seat.role):
        power = Power(PowerKind.SUPERUSER, SUPERUSER, path, seat.availability)
        yield _by_attribute(graph, power, seat.role, SUPERUSER)
        return
    if seat.role == graph.stand_in:
        source = f"{seat.role}, which {graph.platform.service} gives in the place of a superuser"
        yield Power(
            PowerKind.ADMINISTRATOR, source, path, seat.availability, is_inherent=len(path) == 1
        )
    if seat.role in AS_SUPERUSER:
        source = f"predefined role {seat.role}"
        is_itself = len(path) == 1
        predefined = Power(
            PowerKind.SUPERUSER, source, path, seat.availability, is_inherent=is_itself
        )
        yield _by_own_grant(graph, predefined)
    holder = graph.accounts.get(seat.role)
    for grant in filter(makes_superuser, holder.grants if holder else ()):
        by = (Hold(seat.role, grant),)
        found = Power(PowerKind.SUPERUSER, str(grant), path, seat.availability, by=by)
        yield _by_own_grant(graph, found)
    if seat.all_roles:
        return
    if _creates_roles(graph, seat):
        power = Power(PowerKind.GRANT_ADMIN, CREATE_ROLE, path, seat.availability)
        yield _by_attribute(graph, power, seat.role, CREATE_ROLE)
    for item in graph.memberships(seat.role):
        if _is_usable(graph, item):
            by = (Hold(seat.role, membership=item),)
            source = f"ADMIN OPTION on {item.role}"
            power = Power(PowerKind.GRANT_ADMIN, source, path, _admin_from(graph, seat), by=by)
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
