"""What each account and role holds itself, found by object and privilege."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.engines.oracle.access.names import container_of, local_name
from sync_pipeline.engines.oracle.access.predefined import (
    ADMINISTRATIVE,
    PREDEFINED_ROLES,
)
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant, Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

# Kinds whose names are not in the namespace that tables, views, programs and types share
# (SQL Language Reference, "Database Object Naming Rules"). All objects of that namespace
# are one securable whatever kind a grant calls them: a materialized view is a table too.
_OWN_NAMESPACE = frozenset({Kind.SERVER, Kind.SCHEMA, Kind.DIRECTORY, Kind.TABLESPACE, Kind.OBJECT})

Key = tuple[str, str, str, str]
SERVER_KEY: Key = (Kind.SERVER, "", "", "")


@dataclass(frozen=True, slots=True)
class Held:
    """A privilege that an account or a role holds itself.

    `source` is the grant's text; `connects_as` the administrative privilege AS which one
    must connect to have it.
    """

    privilege: str
    securable: Securable
    source: str
    grantable: bool = False
    connects_as: str = ""


Holding = dict[tuple[Key, str], Held]


def key_of(securable: Securable) -> Key:
    """Return what names an object within its container."""
    if securable.kind is Kind.SERVER:
        return SERVER_KEY
    if securable.kind is Kind.SCHEMA:
        return schema_key(securable.schema or securable.name)
    if securable.kind is Kind.COLUMN:
        return (Kind.COLUMN, securable.schema, securable.name, securable.column)
    if securable.kind in {Kind.DIRECTORY, Kind.TABLESPACE}:
        return (securable.kind, "", securable.name, "")
    space = securable.kind if securable.kind in _OWN_NAMESPACE else "named"
    return (space, securable.schema, securable.name, "")


def schema_key(schema: str) -> Key:
    """Return the key of a schema."""
    return (Kind.SCHEMA, schema, "", "")


def table_key(securable: Securable) -> Key:
    """Return the key of the table or view that a column belongs to."""
    return ("named", securable.schema, securable.name, "")


class Grants:
    """The grants of a world by their holder. A grant counts in the container it is in."""

    def __init__(self, world: AccessWorld) -> None:
        self._world = world
        self._held: dict[str, Holding] = {}

    def of(self, holder: str, container: str) -> Holding:
        """Return what an account or a role holds itself.

        A role that is not in the world is known by what the manuals say of it.
        """
        if holder not in self._held:
            state = self._world.accounts.get(holder)
            self._held[holder] = _of_state(state) if state else _of_predefined(holder, container)
        return self._held[holder]


def _of_state(state: AccountState) -> Holding:
    found: Holding = {}
    for grant in sorted(state.grants, key=lambda grant: (not grant.grantable, grant)):
        if container_of(grant.securable) != state.database:
            continue
        held = Held(grant.privilege.upper(), grant.securable, str(grant), grant.grantable)
        found.setdefault((key_of(grant.securable), held.privilege), held)
    for grant in sorted(state.grants):
        if container_of(grant.securable) == state.database:
            _add_administrative(found, grant)
    return found


def _add_administrative(found: Holding, grant: Grant) -> None:
    connects_as = grant.privilege.upper()
    for privilege in ADMINISTRATIVE.get(connects_as, ()):
        held = Held(privilege, grant.securable, str(grant), connects_as=connects_as)
        found.setdefault((SERVER_KEY, privilege), held)


def _of_predefined(holder: str, container: str) -> Holding:
    role = local_name(holder, container)
    contents = PREDEFINED_ROLES.get(role)
    server = Securable(Kind.SERVER, database=container, catalog=container)
    return {
        (SERVER_KEY, privilege): Held(privilege, server, f"predefined role {role}")
        for privilege in (contents.privileges if contents else ())
    }
