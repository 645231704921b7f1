"""All that a PostgreSQL account has, one entry a privilege and object. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sync_pipeline.engines.postgresql.access.kinds import ATTRIBUTES, USAGE
from sync_pipeline.engines.postgresql.access.privileges import (
    ALL_OF_KIND,
    Privileges,
    Question,
)
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.model.access import EVERYTHING, Availability, EffectivePrivilege
from sync_pipeline.model.privilege import Securable, SecurableKind

SERVER = Securable(SecurableKind.SERVER)


def everything(
    graph: RoleGraph, privileges: Privileges, account: str
) -> Sequence[EffectivePrivilege]:
    """Return all that an account has: by the best path, one that may grant preferred.

    A privilege on a table is not repeated for its columns; what a predefined role may do
    with all objects of a kind is one entry on that kind. Roles that the account has are
    USAGE on the principal, grantable where it may grant the role.
    """
    if account not in graph.accounts:
        return ()
    asked = Question(account, EVERYTHING, SERVER)
    as_superuser = tuple(privileges.by_superuser(asked))
    if graph.is_superuser_always(account):
        return as_superuser
    best: dict[tuple[str, Securable], EffectivePrivilege] = {}
    for item in (*as_superuser, *_entries(graph, privileges, account)):
        key = (item.privilege, item.securable)
        if key not in best or _rank(item) < _rank(best[key]):
            best[key] = item
    return tuple(sorted(best.values(), key=lambda item: (item.securable, item.privilege)))


def _rank(item: EffectivePrivilege) -> tuple[bool, bool, int]:
    at_login = item.availability is Availability.AT_LOGIN
    return (not at_login, not item.grantable, len(item.path))


def _entries(
    graph: RoleGraph, privileges: Privileges, account: str
) -> Iterator[EffectivePrivilege]:
    for attribute in ATTRIBUTES:
        yield from privileges.by_attribute(Question(account, attribute, SERVER))
    yield from _all_of_kinds(privileges, account)
    yield from _roles(graph, privileges, account)
    yield from _granted(graph, privileges, account)


def _all_of_kinds(privileges: Privileges, account: str) -> Iterator[EffectivePrivilege]:
    entries = {
        (privilege, kind)
        for kinds in ALL_OF_KIND.values()
        for kind, names in kinds.items()
        for privilege in names
    }
    for privilege, kind in sorted(entries):
        yield from privileges.by_predefined(Question(account, privilege, Securable(kind)))


def _roles(graph: RoleGraph, privileges: Privileges, account: str) -> Iterator[EffectivePrivilege]:
    reached = graph.reached(account)
    administered = {m.role for role in reached for m in graph.memberships(role) if m.admin}
    for role in reached.keys() - {account, PUBLIC}:
        asked = Question(account, USAGE, Securable(SecurableKind.PRINCIPAL, name=role))
        for way in privileges.ways(asked):
            yield replace(way, grantable=way.grantable or role in administered)


def _granted(
    graph: RoleGraph, privileges: Privileges, account: str
) -> Iterator[EffectivePrivilege]:
    for holder in graph.reached(account):
        state = graph.accounts.get(holder)
        for grant in (item for item in (state.grants if state else ()) if not item.deny):
            asked = Question(account, grant.privilege, grant.securable)
            way = privileges.by_grant(asked, grant, holder)
            if way:
                yield way
