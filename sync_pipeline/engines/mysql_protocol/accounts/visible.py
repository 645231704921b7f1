"""Accounts and grants where a service hides the grant tables: what the account may see. Pure.

MySQL 8.4 Reference Manual, 28.3.33, 28.3.47, 28.3.10 and 28.3.42, and MariaDB Knowledge Base: the
tables USER_PRIVILEGES, SCHEMA_PRIVILEGES, COLUMN_PRIVILEGES and TABLE_PRIVILEGES of
INFORMATION_SCHEMA show the grants of the account itself, and those of all where it may read the
database `mysql`. What an account is beside its grants, and its roles, is in none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sync_pipeline.engines.base import ANYBODY, Query, Variant, Version
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.engines.mysql_protocol.accounts.rows import (
    GRANT_OPTION,
    ColumnRow,
    DatabaseRow,
    Principal,
    TableRow,
    shared_grants,
)
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, SectionName, Securable, SecurableKind

VISIBLE = "information schema"
"""The place of an account that a service lets read neither the grant tables nor the view."""
_BETWEEN = "'@'"
_USAGE = "USAGE"
_YES = "YES"


@dataclass(frozen=True, slots=True)
class VisibleRow:
    """A row of `visible_grants.sql`: one privilege of one account on one thing."""

    grantee: str
    database: str
    table_name: str
    column_name: str
    privilege: str
    grantable: str


def visible_query(since: Version, needs: str) -> Query[VisibleRow]:
    """Declare the query, which is asked in the place `VISIBLE` alone; `needs` lets all be read."""
    return Query(
        "visible_grants",
        VisibleRow,
        (
            *(SectionName.ACCOUNTS, SectionName.SERVER, SectionName.DATABASE),
            *(SectionName.TABLE, SectionName.COLUMN),
        ),
        (Variant(since, "visible_grants.sql", VISIBLE),),
        ANYBODY,
        shows_some=needs,
        count="count_visible_grants.sql",
    )


def visible_states(
    rows: Iterable[VisibleRow], own_accounts: Collection[str]
) -> tuple[AccountState, ...]:
    """Return a state for each account that is seen, with its grants and nothing else.

    Whether one is locked is not seen: those that are called as the server's own are taken for them.
    """
    servers: dict[Principal, list[Grant]] = {}
    words: dict[tuple[Principal, str, str, str], dict[str, None]] = defaultdict(dict)
    for row in rows:
        principal = _principal(row.grantee)
        own = servers.setdefault(principal, [])
        if row.database:
            found = words[principal, row.database, row.table_name, row.column_name]
            found.update(dict.fromkeys(_words(row)))
        else:
            own.extend(_on_server(row))
    grants = shared_grants(*_objects(words), (), ())
    states = (_state(item, (*own, *grants.get(item, ()))) for item, own in servers.items())
    return tuple(replace(state, is_system=state.name in own_accounts) for state in states)


def _words(row: VisibleRow) -> Iterator[str]:
    """Yield the words of a privilege as the grant tables hold them."""
    if row.privilege.upper() != _USAGE:
        yield row.privilege.upper()
    if row.grantable.upper() == _YES:
        yield GRANT_OPTION


def _on_server(row: VisibleRow) -> Iterator[Grant]:
    """Yield the grant of a row; USAGE is nothing, unless it may be passed on."""
    is_grantable = row.grantable.upper() == _YES
    if is_grantable or row.privilege.upper() != _USAGE:
        on = Securable(SecurableKind.SERVER)
        yield Grant(on, row.privilege.upper(), grantable=is_grantable)


def _objects(
    words: Mapping[tuple[Principal, str, str, str], Iterable[str]],
) -> tuple[list[DatabaseRow], list[TableRow], list[ColumnRow]]:
    databases, tables, columns = [], [], []
    for (principal, database, table, column), found in words.items():
        text = ",".join(found)
        if column:
            columns.append(ColumnRow(*principal, database, table, column, text))
        elif table:
            tables.append(TableRow(*principal, database, table, "", text))
        else:
            databases.append(DatabaseRow(*principal, database, 0, text))
    return databases, tables, columns


def _state(principal: Principal, grants: tuple[Grant, ...]) -> AccountState:
    return AccountState(
        name=account_name(*principal),
        kind=AccountKind.USER,
        can_login=True,
        is_superuser=any(
            grant.privilege == "SUPER" and grant.securable.kind is SecurableKind.SERVER
            for grant in grants
        ),
        grants=grants,
    )


def _principal(grantee: str) -> Principal:
    """Return user and host of `'user'@'host'`, in which the server escapes nothing."""
    user, _, host = grantee.rpartition(_BETWEEN)
    return user.removeprefix("'"), host.removesuffix("'")
