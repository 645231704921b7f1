"""Privileges of a PostgreSQL server that reach further than data, which make no superuser. Pure.

Manual, "Role Attributes", "Predefined Roles" and GRANT (of parameters), "Error Reporting and
Logging" and "Shared Library Preloading". What makes a superuser, files and programs of the host
among it, and CREATEROLE are in `access_powers`. Roles that only show something (pg_monitor), or
that slow others down at most (pg_checkpoint, pg_maintain), are not here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync_pipeline.engines.access.links import with_members
from sync_pipeline.engines.postgresql.access.roles import Reached, RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.engines.postgresql.accounts.predefined import DATABASE_OWNER
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.model.access import Availability, Danger, Gravity, Hold, Power, PowerKind
from sync_pipeline.model.privilege import Grant, SecurableKind

ATTRIBUTES = {
    "can_replicate": (
        "REPLICATION",
        Danger(Gravity.MEDIUM, "copies the whole cluster, with all data and password hashes"),
    ),
    "bypasses_row_security": (
        "BYPASSRLS",
        Danger(Gravity.MEDIUM, "sees and changes rows that row security keeps from others"),
    ),
    "can_create_databases": (
        "CREATEDB",
        Danger(Gravity.LOW, "makes databases, and copies those that it owns or are templates"),
    ),
}
"""By their name in a state: the word of ALTER ROLE, and why. They are never inherited."""
ROLES = {
    "pg_write_all_data": Danger(Gravity.HIGH, "writes every table of every database"),
    "pg_read_all_data": Danger(Gravity.MEDIUM, "reads every table of every database"),
    "pg_create_subscription": Danger(
        Gravity.MEDIUM, "makes the server log in elsewhere and write what it is sent"
    ),
    "pg_signal_backend": Danger(Gravity.LOW, "ends the sessions of everybody but superusers"),
}
_LOADS = frozenset(
    {
        *("archive_command", "archive_library", "archive_cleanup_command", "restore_command"),
        *("recovery_end_command", "ssl_passphrase_command", "shared_preload_libraries"),
        *("session_preload_libraries", "local_preload_libraries", "dynamic_library_path"),
        *("jit_provider", "hba_file", "ident_file", "data_directory", "primary_conninfo"),
    }
)
"""Parameters that name code which the server runs, or who may log in."""
_CODE = Danger(Gravity.HIGH, "makes the server run code, or let in, whom it names")
_SYSTEM = Danger(Gravity.MEDIUM, "changes the configuration of the whole server")
_SKIPS = {
    "session_replication_role": Danger(
        Gravity.MEDIUM, "writes past triggers, foreign keys and rules"
    ),
}


@dataclass(frozen=True, slots=True)
class _Held:
    """Something dangerous that a role has itself; an attribute counts for the acting role alone."""

    role: str
    name: str
    danger: Danger
    hold: Hold | None = None
    attribute: str = ""


class Dangers:
    """What is dangerous in a world, found once, and who gets it."""

    def __init__(self, graph: RoleGraph) -> None:
        self._graph = graph
        self._attributes: dict[str, list[_Held]] = defaultdict(list)
        self._inherited: dict[str, list[_Held]] = defaultdict(list)
        for held in _all(graph):
            (self._attributes if held.attribute else self._inherited)[held.role].append(held)
        roles = (*self._attributes, *self._inherited)
        self._near = with_members(roles, graph.members)
        self._is_of_all = not {PUBLIC, DATABASE_OWNER}.isdisjoint(roles)

    def of(self, account: str) -> Sequence[Power]:
        """Return the dangerous privileges that an account has, each by its best way."""
        is_near = account in self._near or self._is_of_all
        if account not in self._graph.accounts or not is_near:
            return ()
        found = [_power(held, way) for held, way in self._ways(account)]
        return sorted(found, key=_rank)

    def _ways(self, account: str) -> Iterator[tuple[_Held, Reached]]:
        """Yield what the account gets; attributes count for the role that it acts as alone."""
        acting: dict[str, Reached] = {}
        for way in self._graph.acting(account):
            acting.setdefault(way.acting, way)
        for role, way in acting.items():
            yield from ((held, way) for held in self._attributes.get(role, ()))
        for role, way in self._graph.reached(account).items():
            yield from ((held, way) for held in self._inherited.get(role, ()))


def _all(graph: RoleGraph) -> Iterator[_Held]:
    for name, state in graph.accounts.items():
        # A superuser has no use of its attributes and grants, and its members inherit the grants.
        for attribute, (word, danger) in ATTRIBUTES.items():
            if graph.attribute(name, attribute) is True and not state.is_superuser:
                yield _Held(name, word, danger, Hold(name, attribute=attribute), attribute)
        for grant in state.grants:
            danger_of = danger_of_parameter(grant)
            if danger_of is not None:
                text = f"{grant.privilege} on parameter {grant.securable.name}"
                yield _Held(name, text, danger_of, Hold(name, grant))
    for name, danger in ROLES.items():
        yield _Held(name, name, danger)


def danger_of_parameter(grant: Grant) -> Danger | None:
    """Return why a grant of a parameter is dangerous; None: it is not."""
    if grant.securable.kind is not SecurableKind.PARAMETER:
        return None
    name = grant.securable.name.lower()
    if name in _LOADS:
        return _CODE
    return _SYSTEM if grant.privilege == "ALTER SYSTEM" else _SKIPS.get(name)


def _power(held: _Held, way: Reached) -> Power:
    fix = undo = ""
    if held.attribute:
        word, role = held.name, quoted(held.role)
        fix, undo = f"ALTER ROLE {role} NO{word};", f"ALTER ROLE {role} {word};"
    return Power(
        PowerKind.DANGEROUS,
        held.name,
        way.path,
        way.availability,
        fix=fix,
        undo=undo,
        by=(held.hold,) if held.hold else (),
        is_inherent=held.hold is None and len(way.path) == 1,
        danger=held.danger,
    )


def _rank(power: Power) -> tuple[int, bool, int, str]:
    gravity = power.danger.gravity if power.danger else Gravity.LOW
    is_later = power.availability is not Availability.AT_LOGIN
    return list(Gravity).index(gravity), is_later, len(power.path), power.source
