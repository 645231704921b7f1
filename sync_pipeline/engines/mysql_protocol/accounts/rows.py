"""Rows of the grant tables that MySQL and MariaDB share, and their grants. Pure.

Tables: MySQL 8.4 Reference Manual 8.2.3 (Grant Tables); MariaDB Knowledge Base,
mysql.db, mysql.tables_priv, mysql.columns_priv, mysql.procs_priv, mysql.proxies_priv.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.engines.mysql_protocol.accounts.routine_names import from_latin1, holders, is_cut
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

Principal = tuple[str, str]
"""User and host, as the grant tables hold them."""

GRANT_OPTION = "GRANT"
# The words of the SET columns that are not the words of GRANT statements.
_WORDS = {"DELETE VERSIONING ROWS": "DELETE HISTORY"}
OBJECT_PRIVILEGES = frozenset(
    {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "REFERENCES",
        "INDEX",
        "ALTER",
        "CREATE TEMPORARY TABLES",
        "LOCK TABLES",
        "EXECUTE",
        "CREATE VIEW",
        "SHOW VIEW",
        "CREATE ROUTINE",
        "ALTER ROUTINE",
        "EVENT",
        "TRIGGER",
        "DELETE HISTORY",
        "SHOW CREATE ROUTINE",
    }
)
_ROUTINES = {
    "FUNCTION": SecurableKind.FUNCTION,
    "PROCEDURE": SecurableKind.PROCEDURE,
    "PACKAGE": SecurableKind.PACKAGE,
    "PACKAGE BODY": SecurableKind.PACKAGE_BODY,
    "LIBRARY": SecurableKind.LIBRARY,
}
_UNESCAPED_WILDCARD = re.compile(r"(?:^|[^\\])(?:\\\\)*[%_]")


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """A row of `mysql.db`; `privileges` are words joined by commas.

    `is_literal` is 1 where the server takes `%` and `_` as they are: under MySQL's
    `partial_revokes`.
    """

    user: str
    host: str
    database: str
    is_literal: int
    privileges: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of `mysql.tables_priv`."""

    user: str
    host: str
    database: str
    table_name: str
    grantor: str
    privileges: str


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A row of `mysql.columns_priv`."""

    user: str
    host: str
    database: str
    table_name: str
    column_name: str
    privileges: str


@dataclass(frozen=True, slots=True)
class RoutineRow:
    """A row of `mysql.procs_priv`."""

    user: str
    host: str
    database: str
    routine_name: str
    routine_type: str
    grantor: str
    privileges: str


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """A row of `mysql.proxies_priv`."""

    user: str
    host: str
    proxied_user: str
    proxied_host: str
    grantable: int
    grantor: str


NO_ACCOUNT = "has_no_account"
"""The attribute of what stands in the grant tables for users without a name, and is no account."""


def grants_on(
    securable: Securable, privileges: str, grantor: str = "", *, is_grantable: bool = False
) -> Iterator[Grant]:
    """Yield a grant for each word; GRANT makes the others grantable.

    GRANT OPTION is a property of account and object, not of one privilege. Where
    nothing else is granted, it stands on USAGE, as in SHOW GRANTS.
    """
    words = [word.strip().upper() for word in privileges.split(",") if word.strip()]
    grantable = is_grantable or GRANT_OPTION in words
    named = [_WORDS.get(word, word) for word in words if word != GRANT_OPTION]
    if not named and grantable:
        yield Grant(securable, "USAGE", grantable=True, grantor=grantor)
    for word in named:
        yield Grant(
            securable,
            word,
            grantable=grantable,
            grantor=grantor,
            recognised=word in OBJECT_PRIVILEGES,
        )


def shared_grants(
    databases: Iterable[DatabaseRow],
    tables: Sequence[TableRow],
    columns: Sequence[ColumnRow],
    routines: Iterable[RoutineRow],
    proxies: Iterable[ProxyRow],
    accounts: Collection[Principal] = (),
) -> dict[Principal, list[Grant]]:
    """Return the grants below the server level, by account.

    `accounts` are those of the server, for names that it stores without their end.
    """
    found: dict[Principal, list[Grant]] = defaultdict(list)
    for database in databases:
        found[database.user, database.host].extend(
            grants_on(_database(database), database.privileges)
        )
    for principal, grant in chain(_on_tables(tables, columns), _on_columns(tables, columns)):
        found[principal].append(grant)
    for routine in routines:
        whose = holders(routine.user, routine.host, accounts)
        for holder in whose:
            found[holder].extend(_on_routine(routine, is_certain=len(whose) == 1))
    for proxy in proxies:
        found[proxy.user, proxy.host].append(_proxy(proxy))
    return found


def of_every_user(
    grants: Mapping[Principal, Sequence[Grant]], accounts: Collection[Principal]
) -> tuple[AccountState, ...]:
    """Return what the grant tables hold for users without a name where no account has none.

    The servers give it to every account that has no row of its own (MySQL 5.7 Reference Manual,
    2.9.4 Securing the Initial MySQL Account: `test`; seen on MySQL 9.7 and MariaDB 10.11).
    """
    return tuple(
        AccountState(
            name=account_name(*principal),
            kind=AccountKind.USER,
            can_login=False,
            attributes=((NO_ACCOUNT, True),),
            grants=tuple(found),
        )
        for principal, found in grants.items()
        if not principal[0] and principal not in accounts and found
    )


def _database(row: DatabaseRow) -> Securable:
    """Return the securable of `mysql.db`, whose name is a pattern unless escaped.

    The name stays as it is stored, with its escapes: it is what REVOKE must be told.
    """
    is_pattern = not row.is_literal and _UNESCAPED_WILDCARD.search(row.database) is not None
    kind = SecurableKind.DATABASE_PATTERN if is_pattern else SecurableKind.DATABASE
    return Securable(kind, database=row.database)


def _table_of(row: TableRow | ColumnRow) -> tuple[str, str, str, str]:
    return row.user, row.host, row.database, row.table_name


def _is_grantable(row: TableRow) -> bool:
    return GRANT_OPTION in {word.strip().upper() for word in row.privileges.split(",")}


def _on_tables(
    tables: Iterable[TableRow], columns: Iterable[ColumnRow]
) -> Iterator[tuple[Principal, Grant]]:
    with_columns = {_table_of(column) for column in columns}
    for row in tables:
        if row.privileges.upper() == GRANT_OPTION and _table_of(row) in with_columns:
            continue  # the option stands on the columns
        securable = Securable(SecurableKind.TABLE, row.database, "", row.table_name)
        for grant in grants_on(securable, row.privileges, row.grantor):
            yield (row.user, row.host), grant


def _on_columns(
    tables: Iterable[TableRow], columns: Iterable[ColumnRow]
) -> Iterator[tuple[Principal, Grant]]:
    """GRANT OPTION on columns is kept with their table."""
    grantable = {_table_of(table) for table in tables if _is_grantable(table)}
    for row in columns:
        securable = Securable(
            SecurableKind.COLUMN, row.database, "", row.table_name, row.column_name
        )
        is_grantable = _table_of(row) in grantable
        for grant in grants_on(securable, row.privileges, is_grantable=is_grantable):
            yield (row.user, row.host), grant


def _on_routine(row: RoutineRow, *, is_certain: bool) -> Iterator[Grant]:
    """Yield the grants on a routine; one of an unknown type, or with a cut name, is flagged."""
    kind = _ROUTINES.get(row.routine_type.upper())
    names = from_latin1(row.database), from_latin1(row.routine_name)
    securable = Securable(kind or SecurableKind.PROCEDURE, names[0], "", names[1])
    doubts = [row.routine_type] if kind is None else []
    is_whole = is_certain and not any(map(is_cut, (row.database, row.routine_name)))
    doubts += [] if is_whole else ["cut name"]
    for grant in grants_on(securable, row.privileges, row.grantor):
        if doubts:
            yield replace(
                grant, privilege=f"{grant.privilege} ({', '.join(doubts)})", recognised=False
            )
        else:
            yield grant


def _proxy(row: ProxyRow) -> Grant:
    proxied = account_name(row.proxied_user, row.proxied_host)
    return Grant(
        Securable(SecurableKind.ACCOUNT, name=proxied),
        "PROXY",
        grantable=bool(row.grantable),
        grantor=row.grantor,
    )
