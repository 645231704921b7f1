"""The queries on grant tables that MySQL and MariaDB share, each engine with its SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sync_pipeline.engines.base import (
    ANYBODY,
    FactRow,
    Query,
    RowT,
    Variant,
    Version,
    filled,
)
from sync_pipeline.engines.mysql_protocol.accounts.names import quoted
from sync_pipeline.engines.mysql_protocol.accounts.views import SCHEMA, VIEW, view_script
from sync_pipeline.engines.mysql_protocol.accounts.visible import VISIBLE
from sync_pipeline.model.privilege import OF_SERVER, SectionName


def catalog_query(
    name: str,
    row: type[RowT],
    fills: tuple[SectionName, ...],
    since: Version,
    *newer: Variant,
    needs: str = "",
    made: tuple[Variant, ...] = (),
    is_visible: bool = False,
) -> Query[RowT]:
    """Declare a query on one table of the `mysql` schema and the grant that it needs.

    The query, its file and the table share their name; `newer` are its later variants,
    `needs` what it needs where that is not SELECT on the table, `made` the variants that read
    a view of the script. What `is_visible` is read by `visible_query` where a service hides the
    table.
    """
    return Query(
        name,
        row,
        fills,
        (Variant(since, f"{name}.sql"), *newer),
        needs or f"GRANT SELECT ON mysql.{name} TO {{user}};",
        made=made,
        hidden_at=(VISIBLE,) if is_visible else (),
        count=f"count_{name}.sql" if SectionName.ACCOUNTS in fills else "",
    )


def counts_query(row: type[RowT], since: Version, view_since: Version) -> Query[RowT]:
    """Declare the statement that counts the rows of all grant tables, of the view too.

    It needs what the queries need together; nobody is told, because without it each counts its own.
    """
    return Query(
        "counts",
        row,
        (),
        (Variant(since, "counts.sql"), Variant(view_since, "counts_view.sql", VIEW)),
        ANYBODY,
    )


def settings_query(since: Version) -> Query[FactRow]:
    """Declare the statement of what the server is set to, which every account may run."""
    return Query(
        "server_settings",
        FactRow,
        (SectionName.SERVER_SETTINGS,),
        (Variant(since, "server_settings.sql"),),
        ANYBODY,
    )


def definers_query(since: Version, needs: str, check: str = "") -> Query[FactRow]:
    """Declare the statement of whose rights stored routines run with; its grant is a choice."""
    return Query(
        "definers",
        FactRow,
        (SectionName.DEFINERS,),
        (Variant(since, "definers.sql"),),
        needs,
        check=check,
    )


def object_definers_query(file: str, since: Version, needs: str) -> Query[FactRow]:
    """Declare the statement of the definers of what is no routine; asked where it may be."""
    return Query(
        file,
        FactRow,
        (SectionName.OBJECT_DEFINERS,),
        (Variant(since, f"{file}.sql"),),
        needs,
        check=f"check_{file}.sql",
    )


def monitoring_script(account: str, package: str, table: str, queries: Iterable[Query[Any]]) -> str:
    """Return the script that makes the monitoring account: a statement a line, no more.

    `table` holds the accounts, which are read through a view.
    """
    lines = [
        f"CREATE USER {account} IDENTIFIED BY {quoted('<password>')};",
        *view_script(package, table),
        f"GRANT SELECT ON {SCHEMA}.{table} TO {account};",
    ]
    lines += [
        filled(query.needs, user=account)
        for query in queries
        if query.needs.startswith("GRANT")
        and not {SectionName.ACCOUNTS, *OF_SERVER}.intersection(query.fills)
    ]
    return "\n".join(lines) + "\n"
