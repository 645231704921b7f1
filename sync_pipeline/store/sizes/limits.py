"""In how many periods a limit is reached: kept with each aggregation, and anew with a limit.

Both take the lock of the instance first, so that neither misses what the other one writes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    bindparam,
    case,
    cast,
    null,
    select,
    update,
)

from sync_pipeline.store.sizes.schema import (
    database_size_aggregations,
    instance_databases,
    instance_size_aggregations,
    size_limits,
)


def periods_until(
    limit: ColumnElement[Any], last: ColumnElement[Any], grown: ColumnElement[Any]
) -> ColumnElement[Any]:
    """Return in how many periods a limit is reached; NULL where there is none, or no growth."""
    left = cast(limit - last, Float)
    return case((grown > 0, left / cast(grown, Float)), else_=null())


def limits_of(instance_ids: ColumnElement[Any], *, of_databases: bool) -> Select[Any]:
    """Select the limits of instances, or of their databases by id."""
    limits, names = size_limits, instance_databases
    own = limits.c.instance_id.in_(instance_ids)
    if not of_databases:
        query = select(limits.c.instance_id, limits.c.limit_bytes)
        return query.where(own, limits.c.database_name == "")
    same = and_(
        names.c.instance_id == limits.c.instance_id,
        names.c.database_name == limits.c.database_name,
    )
    return (
        select(limits.c.instance_id, names.c.id.label("database_id"), limits.c.limit_bytes)
        .select_from(limits.join(names, same))
        .where(own)
    )


def write_until(connection: Connection, instance_id: int, database: str, limit: int | None) -> None:
    """Write anew when a limit is reached, by each aggregation that there is; None: it is gone."""
    of_instance = database == ""
    table = instance_size_aggregations if of_instance else database_size_aggregations
    bound = bindparam("of_limit", limit, type_=BigInteger)
    until = periods_until(bound, table.c.total_last_bytes, table.c.total_change_bytes)
    changed = update(table).where(table.c.instance_id == instance_id)
    if not of_instance:
        known = select(instance_databases.c.id).where(
            instance_databases.c.instance_id == instance_id,
            instance_databases.c.database_name == database,
        )
        changed = changed.where(table.c.database_id == known.scalar_subquery())
    connection.execute(changed.values(periods_until_limit=null() if limit is None else until))
