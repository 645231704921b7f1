"""The queries on grant tables that MySQL and MariaDB share, each engine with its SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sync_pipeline.engines.base import Query, RowT, Variant, Version, filled
from sync_pipeline.engines.mysql_protocol.names import quoted
from sync_pipeline.model.privilege import SectionName


def catalog_query(
    name: str,
    row: type[RowT],
    fills: tuple[SectionName, ...],
    since: Version,
    *newer: Variant,
) -> Query[RowT]:
    """Declare a query on one table of the `mysql` schema and the grant that it needs.

    The query, its file and the table share their name; `newer` are its later variants.
    """
    return Query(
        name,
        row,
        fills,
        (Variant(since, f"{name}.sql"), *newer),
        f"GRANT SELECT ON mysql.{name} TO {{user}};",
    )


def monitoring_script(account: str, queries: Iterable[Query[Any]]) -> str:
    """Return the script that makes the monitoring account: a table a line, no more."""
    lines = [f"CREATE USER {account} IDENTIFIED BY {quoted('<password>')};"]
    lines += [
        filled(query.needs, user=account) for query in queries if query.needs.startswith("GRANT")
    ]
    return "\n".join(lines) + "\n"
