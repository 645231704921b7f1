"""Who may do everything, and who can get there: powers over accounts and privileges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sync_pipeline.engines.oracle.access.any import is_write
from sync_pipeline.engines.oracle.access.dangers import DANGERS
from sync_pipeline.engines.oracle.access.grants import SERVER_KEY, Grants
from sync_pipeline.engines.oracle.access.managed import platform_in
from sync_pipeline.engines.oracle.access.names import SYS, local_name
from sync_pipeline.engines.oracle.access.predefined import DBA, SYSDBA
from sync_pipeline.engines.oracle.access.remedies import revoke_proxy
from sync_pipeline.engines.oracle.access.roles import RoleGraph, Way
from sync_pipeline.engines.oracle.access.status import attribute, is_read_only
from sync_pipeline.engines.oracle.accounts.proxies import is_through
from sync_pipeline.engines.oracle.accounts.traits import LACKS, WHOLE_DBA
from sync_pipeline.engines.oracle.platform import AUTONOMOUS, MANAGED
from sync_pipeline.model.access import AccessWorld, Availability, Hold, Power, PowerKind
from sync_pipeline.model.privilege import SecurableKind as Kind

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
    # Database Security Guide, "Restriction of System Privileges by Securing the Data
    # Dictionary" and its guidelines; the others of these are from memory.
    "CREATE ANY DIRECTORY": "reads and writes files of the server, such as its password file",
    "ADMINISTER DATABASE TRIGGER": "runs code at every login and in every session",
    "CREATE ANY INDEX": "runs code of its own in the statements of other users",
    "IMPORT FULL DATABASE": "imports accounts, grants and code of its own making",
    "ALTER SYSTEM": "changes parameters that checks of privileges depend on",
    "CREATE EXTERNAL JOB": "runs programs of the operating system",
}
RUNS_AS_OWNER = {
    "CREATE ANY PROCEDURE": "replaces code that runs with its owner's rights",
    "CREATE ANY TRIGGER": "runs code in the statements of other users",
    "CREATE ANY JOB": "runs code as the owner of the schema",
    "EXECUTE ANY PROCEDURE": "runs code with its owner's rights",
}
"""What of these reaches the owner's rights where it is granted on one schema (since 23ai)."""


_MADE = "it is what the server made it for"


class Powers:
    """The powers of the accounts of a world."""

    def __init__(self, world: AccessWorld, roles: RoleGraph, grants: Grants) -> None:
        self._world = world
        self._roles = roles
        self._grants = grants

    def of(self, account: str) -> tuple[Power, ...]:
        """Return an account's powers; of one that may do everything at login, only that."""
        ways = tuple(
            way for way in self._roles.ways(account) if not is_read_only(self._world, way.user)
        )
        found = tuple(self._superuser(ways))
        if any(power.availability is Availability.AT_LOGIN for power in found):
            return found
        return (*found, *self._grant_admin(ways))

    def dangers(self, account: str) -> tuple[Power, ...]:
        """Return the dangerous privileges of an account, one a name, each by its best way."""
        found: dict[str, Power] = {}
        for way in self._roles.ways(account):
            held = self._grants.of(way.holder, self._container(way))
            may_write = not is_read_only(self._world, way.user)
            for name, danger in DANGERS.items():
                item = held.get((SERVER_KEY, name))
                if item is not None and name not in found and (may_write or not is_write(name)):
                    power = self._power(PowerKind.DANGEROUS, name, way, item.source)
                    found[name] = replace(power, danger=danger)
        return tuple(found.values())

    def superuser_by(self, way: Way) -> str:
        """Return what makes the holder at a way's end a superuser; empty: it is none.

        SYS, whoever may connect AS SYSDBA, and the role DBA (all system privileges), unless
        what it was granted says otherwise. PDB_DBA is none: it holds what was granted to it.
        """
        container = self._container(way)
        name = local_name(way.holder, container)
        if name == SYS:
            return SYS
        if name == DBA and self._is_whole(way.holder, container):
            return f"role {DBA}"
        return SYSDBA if (SERVER_KEY, SYSDBA) in self._grants.of(way.holder, container) else ""

    def _is_whole(self, holder: str, container: str) -> bool:
        """Return whether the role DBA has all that its name says, as far as was read."""
        platform = platform_in(self._world, container)
        state = self._world.accounts.get(holder)
        if state is None or platform == AUTONOMOUS:
            return platform not in MANAGED
        held = {grant.privilege for grant in state.grants}
        is_reduced = attribute(state, LACKS) is not None
        return not is_reduced and (not platform or held >= WHOLE_DBA)

    def _superuser(self, ways: tuple[Way, ...]) -> Iterator[Power]:
        seen: set[str] = set()
        for way in ways:
            by = self.superuser_by(way)
            if by and way.holder not in seen:
                seen.add(way.holder)
                yield self._power(PowerKind.SUPERUSER, by, way, SYSDBA)

    def _grant_admin(self, ways: tuple[Way, ...]) -> Iterator[Power]:
        seen: set[str] = set()
        for way in ways:
            for source, held in self._sources(way):
                if source not in seen:
                    seen.add(source)
                    yield self._power(PowerKind.GRANT_ADMIN, source, way, held)

    def _sources(self, way: Way) -> Iterator[tuple[str, str]]:
        """Yield what makes the holder a grant admin, and the grant's own text."""
        held = self._grants.of(way.holder, self._container(way))
        for privilege, why in GRANT_ADMIN.items():
            if (SERVER_KEY, privilege) in held:
                yield f"{privilege}: {why}", held[SERVER_KEY, privilege].source
        own = local_name(way.user, self._container(way))
        for (key, privilege), item in sorted(held.items()):
            schema = item.securable.schema
            if key[0] == Kind.SCHEMA and privilege in RUNS_AS_OWNER and schema != own:
                yield f"{privilege} on schema {schema}: {RUNS_AS_OWNER[privilege]}", item.source

    def _power(self, kind: PowerKind, source: str, way: Way, granted: str) -> Power:
        """Return a power; one that a proxy has ends where it may no longer connect.

        `granted` is the text of the grant that gives it, or its privilege.
        """
        state = self._world.accounts.get(way.holder)
        held = state.grants if state else ()
        by = tuple(
            Hold(way.holder, item) for item in held if granted in (str(item), item.privilege)
        )
        power = Power(kind, source, way.path, way.availability, by=by)
        if way.entry:
            return self._by_proxy(power, way)
        is_servers = source in (SYS, f"role {DBA}") and way.link.length == 1
        return replace(power, kept=_MADE) if is_servers else power

    def _by_proxy(self, power: Power, way: Way) -> Power:
        container = self._container(way)
        proxy, client = (local_name(name, container) for name in (way.account, way.user))
        state = self._world.accounts[way.account]
        by = tuple(
            Hold(state.name, item)
            for item in state.grants
            if is_through(item.privilege) and item.securable.name == client
        )
        return replace(power, fix=revoke_proxy(client, proxy, container), by=by)

    def _container(self, way: Way) -> str:
        return self._world.accounts[way.account].database
