"""The sizes of tables of a WhaleFall store: of each table the last one that somebody asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.sizes import AT_ONCE, MIB, bad_day
from sync_pipeline.fleet.whalefall.steps import (
    LONG_NAME,
    LONGEST_HERE,
    NOT_TAKEN_INSTANCE,
    TIME_ZONE,
    Scope,
    Step,
    bad_name,
)
from sync_pipeline.fleet.whalefall.texts import LOWEST, aware, clean, moment, whole, words
from sync_pipeline.model.imported import ImportedTable, Tally

NO_MOMENT = "nothing says when it was measured"
NO_INDEXES = "its indexes were not measured there, and here a table counts with them"
_QUERY = f"""
    SELECT id::bigint AS id, coalesce(instance_id, 0) AS instance_id, {words("database_name")},
        {words("schema_name")}, {words("table_name")}, {whole("size_mb")},
        {whole("index_size_mb")}, {moment("collected_at")}
    FROM public.database_table_size_stats WHERE id > %(after)s ORDER BY id LIMIT %(most)s
"""  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class _Table:
    id: int
    instance_id: int
    database_name: str
    schema_name: str
    table_name: str
    size_mb: int | None
    index_size_mb: int | None
    collected_at: datetime | None


def table_steps(store: WhaleFall, scope: Scope, place: tuple[str | int, ...]) -> Iterator[Step]:
    """Yield the last size of each table, on the day on which it was measured."""
    after = int(place[0]) if place else LOWEST
    while found := store.rows(_Table, _QUERY, {"after": after, "most": AT_ONCE}):
        tally = Tally()
        rows = [made for row in found if (made := _table(row, scope, tally))]
        after = found[-1].id
        yield Step(rows, (after,), tally)


def _table(row: _Table, scope: Scope, tally: Tally) -> ImportedTable | None:
    names = clean(row.database_name), clean(row.schema_name), clean(row.table_name)
    instance_id, measured = scope.instance_ids.get(row.instance_id), aware(row.collected_at)
    reason = "" if instance_id is not None else NOT_TAKEN_INSTANCE
    reason = reason or _bad_names(*names) or ("" if measured else NO_MOMENT)
    if reason or instance_id is None or measured is None:
        tally.leave(reason, ".".join(names))
        return None
    day = measured.astimezone(ZoneInfo(TIME_ZONE)).date()
    total, index = row.size_mb, row.index_size_mb
    reason = bad_day(day, total, scope)
    if not reason and (index is None or not 0 <= index <= (total or 0)):
        reason = NO_INDEXES
    if reason:
        tally.leave(reason, ".".join(names))
        return None
    sizes = ((total or 0) * MIB, (index or 0) * MIB)
    return ImportedTable(instance_id, *names, day, *sizes, measured)


def _bad_names(database: str, schema: str, table: str) -> str:
    is_long = len(schema) + len(table) > LONGEST_HERE
    return bad_name(database) or bad_name(table) or (LONG_NAME if is_long else "")
