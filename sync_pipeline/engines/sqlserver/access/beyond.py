"""What an account may reach without holding it, which lists of permissions do not decide.

Sources: SQL Server documentation, EXECUTE AS (Transact-SQL) and GRANT Server Principal and
Database Principal Permissions (IMPERSONATE); Ownership chains (Tutorial: Ownership Chains and
Context Switching; cross db ownership chaining); EXECUTE AS Clause (Transact-SQL) and ADD
SIGNATURE (Transact-SQL): a module lends rights to who runs it, and denies of what it uses are
not asked where the owner is the same. What a module does is not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator

from sync_pipeline.engines.access.doubts import MOST_NAMED
from sync_pipeline.engines.access.parts import Elsewhere
from sync_pipeline.engines.sqlserver.access.covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.entry import SERVER
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL, OWNER, Holding, Holdings
from sync_pipeline.engines.sqlserver.access.levels import (
    SERVER_LEVEL,
    Level,
    class_of,
    database_of,
    level_of,
    principal_account,
)
from sync_pipeline.engines.sqlserver.access.principals import (
    DBO,
    GUEST,
    PUBLIC,
    Principals,
)
from sync_pipeline.engines.sqlserver.accounts.lending import CHAINING
from sync_pipeline.engines.sqlserver.names import principal_name, split_account
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline.model.text import first_names

_LENT = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"})
_LENT_ON = (SecurableClass.OBJECT, SecurableClass.COLUMN)
_HOLD_VIEWS = (
    SecurableKind.VIEW,
    SecurableKind.FUNCTION,
    SecurableKind.SYNONYM,
    SecurableKind.OBJECT,
    SecurableKind.SCHEMA,
    SecurableKind.DATABASE,
)
_LENT_BY = "(ownership chains, EXECUTE AS, signatures)"
_SYSTEM_DATABASES = ("master", "model", "msdb", "tempdb")
_ON_MODULES = ("EXECUTE", CONTROL)
LENDING = Elsewhere(frozenset(_HOLD_VIEWS), frozenset((*_ON_MODULES, OWNER)))
"""What lets one use a module or a view, and with it whatever that reaches. An owner controls."""
_IMPERSONATED = (SecurableClass.LOGIN, SecurableClass.USER)


class Beyond:
    """What the answers of one world leave open where an account does not hold a permission."""

    def __init__(self, principals: Principals, holdings: Holdings, decider: Decider) -> None:
        self._principals = principals
        self._holdings = holdings
        self._decider = decider
        self._targets: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], tuple[Holding, ...]] = {}
        self._named: dict[str, list[Securable]] = {}
        for account in principals.accounts.values():
            for grant in account.grants:
                of = class_of(grant.securable, principals.kind_of)
                if of in _IMPERSONATED and not grant.deny:
                    self._named.setdefault(account.name, []).append(grant.securable)
        databases = {state.database for state in principals.accounts.values()} - {""}
        self._chained = {name for name in databases if principals.lends(name, CHAINING)}

    def of(self, account: str, permission: str, securable: Securable) -> tuple[Gap, ...]:
        """Return a gap for each way that is open to an account that lacks a permission."""
        found = (
            *self._as_others(account, permission, securable),
            *self._by_modules(account, permission, securable),
        )
        return tuple(map(Gap, dict.fromkeys(found)))

    @property
    def impersonating(self) -> Collection[str]:
        """Return who has something on a principal as which others might be impersonated."""
        return self._named

    def is_lender(self, identity: str, permission: str, securable: Securable) -> bool:
        """Return whether a principal itself holds what lends a permission on a securable."""
        database = database_of(securable)
        level = level_of(securable, self._principals.kind_of)
        if permission not in _LENT or level.of not in _LENT_ON:
            return False
        places = {database, *(self._chained if database in self._chained else ())}
        return any(
            _lends(holding, level, permission)
            for place in places
            for holding in self._useful(identity, place)
        )

    def everywhere(self, account: str) -> tuple[Gap, ...]:
        """Return in which databases an account may use modules, as one gap; none: nowhere."""
        used = [
            database
            for database in self._principals.entered(account)
            if self._uses(account, database, SERVER_LEVEL, "EXECUTE")
        ]
        if not used:
            return ()
        names = first_names(used[:MOST_NAMED], len(used))
        return (Gap(f"what modules reach for those who may run them, in {names} {_LENT_BY}"),)

    def _as_others(self, account: str, permission: str, securable: Securable) -> Iterator[str]:
        for target in self._impersonated(account):
            if self._decider.held(target, permission, securable):
                yield f"what is done as {target} (EXECUTE AS), who has it"
        for target in self._implied(account, database_of(securable)):
            yield f"what is done as {target} (EXECUTE AS), who may do everything there"

    def _implied(self, account: str, database: str) -> Iterator[str]:
        """Yield whom an account may be without a permission on that very principal."""
        allows = self._decider.allows
        if not split_account(account)[0] and allows(account, "IMPERSONATE ANY LOGIN", SERVER):
            first = self._principals.first_administrator
            others = sorted(self._principals.other_superusers(account))
            yield from (first, *others)[not first :][:1]
        elif database in self._principals.entered(account):
            on = Securable(SecurableKind.DATABASE, database=database, catalog=database)
            if allows(account, CONTROL, on):
                yield principal_name(database, DBO)

    def _impersonated(self, account: str) -> tuple[str, ...]:
        """Return whom an account may be by a permission on that principal, through any chain."""
        if not self._named:
            return ()
        if account not in self._targets:
            found = {account}
            waiting = deque([account])
            while waiting:
                for target in self._becomes(waiting.popleft()):
                    if target not in found:
                        found.add(target)
                        waiting.append(target)
            self._targets[account] = tuple(sorted(found - {account}))
        return self._targets[account]

    def _becomes(self, account: str) -> Iterator[str]:
        databases: Iterable[str] = self._principals.entered(account)
        if not split_account(account)[0]:
            databases = ("", *databases)
        for database in databases:
            identities = self._principals.context(account, database).identities
            named = {on for who in identities for on in self._named.get(who, ())}
            for securable in named:
                is_here = securable.catalog == database
                if is_here and self._decider.allows(account, "IMPERSONATE", securable):
                    yield principal_account(securable)

    def _by_modules(self, account: str, permission: str, securable: Securable) -> Iterator[str]:
        database = database_of(securable)
        level = level_of(securable, self._principals.kind_of)
        if permission not in _LENT or level.of not in _LENT_ON:
            return
        if self._uses(account, database, level, permission):
            yield (
                f"what modules and views of database {database} reach for those who may use them"
                f" {_LENT_BY}"
            )
        if database in self._chained and any(
            self._uses(account, other, level, permission) for other in self._chained - {database}
        ):
            yield f"what modules of other databases reach in {database} (DB_CHAINING is on)"

    def _uses(self, account: str, database: str, asked: Level, permission: str) -> bool:
        """Return whether an account may use something in a database that lends a permission."""
        if database not in self._principals.entered(account):
            return False
        return any(
            _lends(holding, asked, permission)
            and self._decider.allows(account, holding.permission, holding.securable)
            for identity in self._principals.context(account, database).identities
            for holding in self._useful(identity, database)
        )

    def _useful(self, identity: str, database: str) -> tuple[Holding, ...]:
        """Return what a principal itself holds on modules and on what may have views in it."""
        key = (identity, database)
        if key not in self._found:
            is_microsofts = database in _SYSTEM_DATABASES and _is_everyones(identity)
            self._found[key] = tuple(
                holding
                for holding in (() if is_microsofts else self._holdings.all(identity))
                if database_of(holding.securable) == database and _is_useful(holding)
            )
        return self._found[key]


def _is_everyones(identity: str) -> bool:
    """Return whether Microsoft grants a principal modules of its own in system databases."""
    return split_account(identity)[1] in (PUBLIC, GUEST)


def _lends(holding: Holding, asked: Level, permission: str) -> bool:
    """Return whether a holding lets one use a module or a view other than what is asked for.

    A module lends whatever it does, a view the permission that one has on it.
    """
    if holding.level == asked:
        return False
    return holding.permission in (permission, *_ON_MODULES)


def _is_useful(holding: Holding) -> bool:
    on = holding.securable
    if holding.deny or on.schema == "sys":
        return False
    return holding.permission in _ON_MODULES or on.kind in _HOLD_VIEWS
