"""Who may do everything, and who can get there: powers over accounts and privileges."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.oracle.access_grants import SERVER_KEY, Grants
from sync_pipeline.engines.oracle.access_names import SYS, local_name
from sync_pipeline.engines.oracle.access_predefined import DBA, SYSDBA
from sync_pipeline.engines.oracle.access_roles import RoleGraph, Way
from sync_pipeline.model.access import AccessWorld, Availability, Power, PowerKind

# Why each of these lets its holder give itself what it does not have. SQL Language
# Reference, GRANT, "Listings of System and Object Privileges", with its cautions; Database
# Security Guide, "Guidelines for Securing User Accounts and Privileges".
GRANT_ADMIN = {
    "GRANT ANY PRIVILEGE": "grants any system privilege",
    "GRANT ANY ROLE": "grants any role",
    "GRANT ANY OBJECT PRIVILEGE": "grants what any owner may grant",
    "GRANT ANY SCHEMA PRIVILEGE": "grants any schema privilege",
    "ALTER USER": "changes the password of any user but SYS",
    "BECOME USER": "assumes the identity of another user",
    "CREATE ANY JOB": "runs code as any other user",
    "CREATE ANY PROCEDURE": "replaces code that runs with its owner's rights",
    "EXECUTE ANY PROCEDURE": "runs code with its owner's rights",
    "CREATE ANY TRIGGER": "runs code in the statements of other users",
    "CREATE LIBRARY": "runs programs of the operating system as the database",
    "CREATE ANY LIBRARY": "runs programs of the operating system as the database",
    "ALTER ANY LIBRARY": "runs programs of the operating system as the database",
    "EXECUTE ANY LIBRARY": "runs programs of the operating system as the database",
    "INHERIT ANY PRIVILEGES": "own procedures run with the privileges of whoever calls them",
    "TRANSLATE ANY SQL": "replaces the statements of other users",
}


class Powers:
    """The powers of the accounts of a world."""

    def __init__(self, world: AccessWorld, roles: RoleGraph, grants: Grants) -> None:
        self._world = world
        self._roles = roles
        self._grants = grants

    def of(self, account: str) -> tuple[Power, ...]:
        """Return an account's powers; of one that may do everything at login, only that."""
        ways = self._roles.ways(account)
        found = tuple(self._superuser(ways))
        if any(power.availability is Availability.AT_LOGIN for power in found):
            return found
        return (*found, *self._grant_admin(ways))

    def superuser_by(self, way: Way) -> str:
        """Return what makes the holder at a way's end a superuser; empty: it is none.

        SYS, whoever may connect AS SYSDBA, and the role DBA (all system privileges). PDB_DBA
        is none: it holds what was granted to it.
        """
        container = self._container(way)
        name = local_name(way.holder, container)
        if name == SYS:
            return SYS
        if name == DBA:
            return f"role {DBA}"
        return SYSDBA if (SERVER_KEY, SYSDBA) in self._grants.of(way.holder, container) else ""

    def _superuser(self, ways: tuple[Way, ...]) -> Iterator[Power]:
        for way in ways:
            if by := self.superuser_by(way):
                yield Power(PowerKind.SUPERUSER, by, way.path, way.availability)

    def _grant_admin(self, ways: tuple[Way, ...]) -> Iterator[Power]:
        seen: set[str] = set()
        for way in ways:
            held = self._grants.of(way.holder, self._container(way))
            for privilege, why in GRANT_ADMIN.items():
                if (SERVER_KEY, privilege) in held and privilege not in seen:
                    seen.add(privilege)
                    source = f"{privilege}: {why}"
                    yield Power(PowerKind.GRANT_ADMIN, source, way.path, way.availability)

    def _container(self, way: Way) -> str:
        return self._world.accounts[way.path[0].account].database
