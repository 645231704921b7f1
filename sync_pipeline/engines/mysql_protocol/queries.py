"""The queries on grant tables that MySQL and MariaDB share, each engine with its SQL."""

from __future__ import annotations

from sync_pipeline.engines.base import Query, RowT, Variant, Version
from sync_pipeline.model.privilege import SectionName


def catalog_query(
    name: str,
    row: type[RowT],
    section: SectionName,
    since: Version,
    *newer: Variant,
    table: str = "",
) -> Query[RowT]:
    """Declare a query on one table of the `mysql` schema and the grant that it needs."""
    return Query(
        name,
        row,
        (section,),
        (Variant(since, f"{name}.sql"), *newer),
        f"GRANT SELECT ON mysql.{table or name} TO {{user}};",
    )
