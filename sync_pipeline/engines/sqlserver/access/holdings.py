"""What each principal itself holds or is denied: grants, ownership and fixed roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync_pipeline.engines.sqlserver.access.covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access.fixed_roles import (
    DATABASE_ROLES,
    DENYING_DATABASE_ROLES,
)
from sync_pipeline.engines.sqlserver.access.levels import (
    SERVER_LEVEL,
    KindOf,
    Level,
    level_of,
)
from sync_pipeline.engines.sqlserver.access.principals import Principals
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

OWNER = "OWNER"
CONTROL = "CONTROL"
REVOKED = " (revoked)"
"""What ends the name of a permission that was taken out of a grant: neither grant nor deny."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One permission that one principal itself holds, or is denied, on one securable.

    `source` says what gives it. CONTROL lets its holder grant everything on the securable
    and below (Permissions (Database Engine), Permissions naming conventions).
    """

    level: Level
    permission: str
    securable: Securable
    source: str
    grantable: bool = False
    deny: bool = False


class Holdings:
    """The holdings of every principal of a world, found by securable and permission."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._found: dict[str, Mapping[tuple[Level, str], tuple[Holding, ...]]] = {}
        self._denies: dict[str, tuple[Holding, ...]] = {}
        self._owners: dict[Level, set[str]] = {}
        self._revoked: dict[str, set[tuple[Level, str]]] = {}
        for account in principals.accounts.values():
            for grant in account.grants:
                if grant.privilege == OWNER and not grant.deny:
                    level = level_of(grant.securable, principals.kind_of)
                    self._owners.setdefault(level, set()).add(account.name)
                elif grant.privilege.endswith(REVOKED):
                    level = level_of(grant.securable, principals.kind_of)
                    key = (level, grant.privilege.removesuffix(REVOKED))
                    self._revoked.setdefault(account.name, set()).add(key)

    def of(self, account: str) -> Mapping[tuple[Level, str], tuple[Holding, ...]]:
        """Return what an account itself holds or is denied, by securable and permission."""
        if account not in self._found:
            found: dict[tuple[Level, str], tuple[Holding, ...]] = {}
            for holding in self._holdings(account):
                key = (holding.level, holding.permission)
                found[key] = (*found.get(key, ()), holding)
            self._found[account] = found
        return self._found[account]

    def is_revoked(self, account: str, column: Level, permission: str) -> bool:
        """Return whether a column was taken out of an account's grant on its table.

        The catalog keeps that as a row of state REVOKE (sys.database_permissions, state).
        """
        return (column, permission) in self._revoked.get(account, ())

    def all(self, account: str) -> tuple[Holding, ...]:
        """Return all that an account itself holds or is denied."""
        return tuple(holding for found in self.of(account).values() for holding in found)

    def denies(self, account: str) -> tuple[Holding, ...]:
        """Return all that an account itself is denied."""
        if account not in self._denies:
            self._denies[account] = tuple(item for item in self.all(account) if item.deny)
        return self._denies[account]

    def owners(self, space: tuple[Level, ...]) -> frozenset[str]:
        """Return who owns a securable: its own owner, else the owner of its schema.

        An object without an owner of its own belongs to the owner of the schema
        (ALTER AUTHORIZATION (Transact-SQL), Remarks). Databases are owned by logins, who
        enter them as dbo.
        """
        for level in space:
            if level.of is SecurableClass.DATABASE:
                break
            if owners := self._owners.get(level):
                return frozenset(owners)
        return frozenset()

    def _holdings(self, account: str) -> Iterable[Holding]:
        kind_of = self._principals.kind_of
        for grant in sorted(self._principals.grants(account)):
            if not grant.privilege.endswith(REVOKED):
                yield from _granted(grant, kind_of)
        yield from _fixed(account, self._principals.fixed(account))


def _granted(grant: Grant, kind_of: KindOf) -> Iterable[Holding]:
    level = level_of(grant.securable, kind_of)
    on = grant.securable
    if grant.privilege != OWNER:
        source = f"{grant.privilege} on {on}"
        yield Holding(level, grant.privilege, on, source, grant.grantable, grant.deny)
        return
    yield Holding(level, OWNER, on, "owner")
    if level.of is not SecurableClass.DATABASE:
        yield Holding(level, CONTROL, on, f"owner of {on}", grantable=True)


def _fixed(account: str, on_server: Iterable[str]) -> Iterable[Holding]:
    database, name = split_account(account)
    if not database:
        server = Securable(SecurableKind.SERVER)
        for permission in on_server:
            yield Holding(SERVER_LEVEL, permission, server, f"fixed role {name}")
        return
    for permission in on_server:
        server = Securable(SecurableKind.SERVER)
        yield Holding(SERVER_LEVEL, permission, server, f"role {name} of {database}")
    level = Level(SecurableClass.DATABASE, database)
    on = Securable(SecurableKind.DATABASE, database=database, catalog=database)
    for permission in DATABASE_ROLES.get(name, ()):
        yield Holding(level, permission, on, f"fixed role {name}")
    for permission in DENYING_DATABASE_ROLES.get(name, ()):
        yield Holding(level, permission, on, f"fixed role {name}", deny=True)
