"""What one account was granted itself, by level, ready to be looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sync_pipeline.engines.mysql_protocol.access.levels import (
    DATABASES,
    GRANT_OPTION,
    ROUTINES,
    USAGE,
)
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

Privileges = dict[str, Grant]
"""A privilege, and the grant that gives it. GRANT OPTION is one of them."""
TableKey = tuple[str, str]
"""Database and table."""
RoutineKey = tuple[SecurableKind, str, str]
"""Kind, database and name; names of routines are compared without case."""


def routine_key(on: Securable) -> RoutineKey:
    """Return what a routine is looked up by."""
    return on.kind, on.database, on.name.lower()


def _privileges() -> defaultdict[str, Privileges]:
    return defaultdict(dict)


def _columns() -> defaultdict[TableKey, defaultdict[str, Privileges]]:
    return defaultdict(_privileges)


@dataclass(slots=True)
class Holdings:
    """The grants of one account. `denied` are its partial revokes, by database."""

    server: Privileges = field(default_factory=dict)
    denied: dict[str, Privileges] = field(default_factory=_privileges)
    databases: dict[str, Privileges] = field(default_factory=_privileges)
    tables: dict[TableKey, Privileges] = field(default_factory=lambda: defaultdict(dict))
    columns: dict[TableKey, defaultdict[str, Privileges]] = field(default_factory=_columns)
    routines: dict[RoutineKey, Privileges] = field(default_factory=lambda: defaultdict(dict))
    proxies: dict[str, Privileges] = field(default_factory=_privileges)

    def on_server(self, word: str, database: str = "") -> Iterator[Grant]:
        """Yield the global grant, where no partial revoke takes it from the database.

        Source: MySQL 8.4 Reference Manual, 8.2.12: a restriction applies to what the
        same account has globally, and to nothing else.
        """
        if word in self.server and not (database and word in self.denied.get(database, {})):
            yield self.server[word]

    def on_table(self, word: str, key: TableKey) -> Iterator[Grant]:
        """Yield the grant on a table."""
        yield from _of(self.tables.get(key, {}), word)

    def on_column(self, word: str, key: TableKey, column: str) -> Iterator[Grant]:
        """Yield the grant on a column; names of columns are compared without case."""
        if key in self.columns:
            yield from _of(self.columns[key].get(column.lower(), {}), word)

    def has_table(self, key: TableKey) -> bool:
        """Return whether there is any grant on the table or on a column of it."""
        return key in self.tables or key in self.columns

    def on_routine(self, word: str, key: RoutineKey) -> Iterator[Grant]:
        """Yield the grant on a routine."""
        yield from _of(self.routines.get(key, {}), word)

    def on_proxied(self, word: str, account: str) -> Iterator[Grant]:
        """Yield the grant to act as another account."""
        yield from _of(self.proxies.get(account, {}), word)

    def grants(self) -> Iterator[Grant]:
        """Yield every grant that gives something."""
        nested = (
            *self.databases.values(),
            *self.tables.values(),
            *(columns for table in self.columns.values() for columns in table.values()),
            *self.routines.values(),
            *self.proxies.values(),
        )
        for privileges in (self.server, *nested):
            yield from privileges.values()


def _of(privileges: Privileges, word: str) -> Iterator[Grant]:
    if word in privileges:
        yield privileges[word]


NOTHING = Holdings()
"""Of an account that was granted nothing, as most of a part of a world are. Nobody adds to it."""


def holdings(grants: Iterable[Grant], is_static: Callable[[str], bool]) -> Holdings:
    """Sort the grants of one account by level.

    GRANT OPTION is a property of an account and an object: it goes with every privilege
    on that object. A dynamic privilege has its own, for itself alone (MySQL 8.4 Reference
    Manual, 8.2.2, Dynamic Privilege Descriptions).
    """
    found = Holdings()
    for grant in grants:
        on = grant.securable
        if grant.deny:
            found.denied[on.database][grant.privilege] = grant
            continue
        privileges = _at(found, on)
        if grant.privilege != USAGE:
            privileges[grant.privilege] = grant
        if grant.grantable and (on.kind is not SecurableKind.SERVER or is_static(grant.privilege)):
            _with_option(found, on).setdefault(GRANT_OPTION, grant)
    return found


def _at(found: Holdings, on: Securable) -> Privileges:
    if on.kind in DATABASES:
        return found.databases[on.database]
    if on.kind in ROUTINES:
        return found.routines[routine_key(on)]
    if on.kind is SecurableKind.COLUMN:
        return found.columns[on.database, on.name][on.column.lower()]
    if on.kind is SecurableKind.TABLE:
        return found.tables[on.database, on.name]
    if on.kind is SecurableKind.ACCOUNT:
        return found.proxies[on.name]
    return found.server


def _with_option(found: Holdings, on: Securable) -> Privileges:
    """Return where GRANT OPTION is kept: that of columns with their table."""
    if on.kind is SecurableKind.COLUMN:
        return found.tables[on.database, on.name]
    return _at(found, on)
