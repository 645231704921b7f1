"""Rows of the grant tables that MySQL and MariaDB share, and their grants. Pure.

Tables: MySQL 8.4 Reference Manual 8.2.3 (Grant Tables); MariaDB Knowledge Base,
mysql.db, mysql.tables_priv, mysql.columns_priv, mysql.procs_priv, mysql.proxies_priv.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync_pipeline.engines.mysql_protocol.names import account_name
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

Principal = tuple[str, str]
"""User and host, as the grant tables hold them."""

GRANT_OPTION = "GRANT"
# The words of the SET columns that are not the words of GRANT statements.
_WORDS = {
    "DELETE VERSIONING ROWS": "DELETE HISTORY",
    "SHOW VIEW": "SHOW VIEW",
}
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
_UNESCAPED_WILDCARD = re.compile(r"(?:^|[^\\])(?:\\\\)*[%_]")


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """A row of `mysql.db`; `privileges` are words joined by commas."""

    user: str
    host: str
    database: str
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
    tables: Iterable[TableRow],
    columns: Iterable[ColumnRow],
    routines: Iterable[RoutineRow],
    proxies: Iterable[ProxyRow],
) -> dict[Principal, list[Grant]]:
    """Return the grants below the server level, by account."""
    found: dict[Principal, list[Grant]] = defaultdict(list)
    for row in databases:
        found[row.user, row.host].extend(grants_on(_database(row.database), row.privileges))
    grantable_tables: set[tuple[str, str, str, str]] = set()
    column_tables = {(c.user, c.host, c.database, c.table_name) for c in columns}
    for table in tables:
        key = (table.user, table.host, table.database, table.table_name)
        words = {word.strip().upper() for word in table.privileges.split(",")}
        if GRANT_OPTION in words:
            grantable_tables.add(key)
        if words == {GRANT_OPTION} and key in column_tables:
            continue  # the option stands on the columns
        securable = Securable(SecurableKind.TABLE, table.database, "", table.table_name)
        found[table.user, table.host].extend(grants_on(securable, table.privileges, table.grantor))
    for column in columns:
        key = (column.user, column.host, column.database, column.table_name)
        securable = Securable(
            SecurableKind.COLUMN, column.database, "", column.table_name, column.column_name
        )
        found[column.user, column.host].extend(
            grants_on(securable, column.privileges, is_grantable=key in grantable_tables)
        )
    for routine in routines:
        kind = SecurableKind(routine.routine_type.lower())
        securable = Securable(kind, routine.database, "", routine.routine_name)
        found[routine.user, routine.host].extend(
            grants_on(securable, routine.privileges, routine.grantor)
        )
    for proxy in proxies:
        proxied = account_name(proxy.proxied_user, proxy.proxied_host)
        found[proxy.user, proxy.host].append(
            Grant(
                Securable(SecurableKind.ACCOUNT, name=proxied),
                "PROXY",
                grantable=bool(proxy.grantable),
                grantor=proxy.grantor,
            )
        )
    return found


def _database(pattern: str) -> Securable:
    """Return the securable of `mysql.db`, whose name is a pattern unless escaped."""
    is_pattern = _UNESCAPED_WILDCARD.search(pattern) is not None
    kind = SecurableKind.DATABASE_PATTERN if is_pattern else SecurableKind.DATABASE
    return Securable(kind, database=pattern)
