"""Databases, daily sizes and aggregations of a WhaleFall store.

Its sizes are whole MiB: those of PostgreSQL, Oracle and SQL Server are cut off, MySQL's are
rounded up. SQL Server's are of the data files alone. `data_size_mb` repeats the total where the
engine has nothing of the kind, and is taken only where it says something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.steps import (
    NOT_TAKEN_INSTANCE,
    Scope,
    Step,
    Window,
    bad_name,
    bounds,
    place_of,
    to_read,
    windows,
)
from sync_pipeline.fleet.whalefall.texts import LOWEST, aware, clean, midnight, moment, whole, words
from sync_pipeline.model.imported import (
    ImportedDatabase,
    ImportedPeriod,
    ImportedSize,
    ImportedTotal,
    Tally,
)
from sync_pipeline.model.period import Period, PeriodType

MIB = 2**20
MOST_MIB = 2**31
"""2 PiB, what its own columns of totals hold: the sum of many such sizes is a number yet."""
MOST_DAYS = 100_000
MOST_DATABASES = 2**31 - 1
APART = timedelta(days=2)
"""How far a moment is from its day at most, whatever the time zone."""
AT_ONCE = 5000
NEGATIVE = "its size is negative, missing or no number"
TOO_LARGE = "its size is larger than any disk"
NOT_OVER = "its day is not over: import again tomorrow"
TOO_OLD = "older than daily sizes are kept here: SYNC_PIPELINE_SIZE_RETENTION_DAYS"
NO_MOMENT = "without the moment of its measuring: its day was taken"
_KINDS = {
    "daily": PeriodType.DAY,
    "weekly": PeriodType.WEEK,
    "monthly": PeriodType.MONTH,
    "quarterly": PeriodType.QUARTER,
}


@dataclass(frozen=True, slots=True)
class _Database:
    id: int
    instance_id: int
    database_name: str
    is_active: bool
    first_seen: date | None
    last_seen: date | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Size:
    id: int
    database_name: str
    size_mb: int | None
    data_size_mb: int | None
    log_size_mb: int | None
    collected_date: date
    collected_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Total:
    id: int
    total_size_mb: int | None
    database_count: int | None
    collected_date: date
    collected_at: datetime | None
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class _Period:
    id: int
    database_name: str
    period_type: str
    period_start: date
    data_count: int | None
    avg_size_mb: int | None
    min_size_mb: int | None
    max_size_mb: int | None
    change_mb: int | None
    change_percent: Decimal | None
    calculated_at: datetime | None
    database_count: int | None


_DATABASES = f"""
    SELECT id::bigint AS id, coalesce(instance_id, 0) AS instance_id, {words("database_name")},
        coalesce(is_active, false) AS is_active, {moment("first_seen_date", "first_seen")},
        {moment("last_seen_date", "last_seen")}, {moment("deleted_at")}
    FROM public.instance_databases WHERE id > %(after)s ORDER BY id LIMIT %(most)s
"""  # noqa: S608 - names of ours

_SIZES = f"""
    SELECT id::bigint AS id, {words("database_name")}, {whole("size_mb")},
        {whole("data_size_mb")}, {whole("log_size_mb")}, collected_date, {moment("collected_at")}
    FROM public.database_size_stats
    WHERE instance_id = %(instance)s AND collected_date >= %(first)s AND collected_date < %(end)s
        AND (collected_date, coalesce(database_name, ''), id) > (%(day)s, %(name)s, %(id)s)
    ORDER BY collected_date, coalesce(database_name, ''), id LIMIT %(most)s
"""  # noqa: S608 - names of ours

_TOTALS = f"""
    SELECT id::bigint AS id, {whole("total_size_mb")}, {whole("database_count")}, collected_date,
        {moment("collected_at")}, coalesce(is_deleted, false) AS is_deleted
    FROM public.instance_size_stats
    WHERE instance_id = %(instance)s AND collected_date >= %(first)s AND collected_date < %(end)s
        AND (collected_date, id) > (%(day)s, %(id)s)
    ORDER BY collected_date, id LIMIT %(most)s
"""  # noqa: S608 - names of ours


def _periods(*, of_databases: bool) -> str:
    """Return the question for aggregations of databases, or of instances."""
    table = "database_size_aggregations" if of_databases else "instance_size_aggregations"
    name = words("database_name") if of_databases else "'' AS database_name"
    change = "size_change" if of_databases else "total_size_change"
    count = "NULL::int AS database_count" if of_databases else whole("database_count")
    return f"""
        SELECT id::bigint AS id, {name}, {words("period_type")}, period_start,
            {whole("data_count")}, {whole("avg_size_mb")}, {whole("min_size_mb")},
            {whole("max_size_mb")}, {whole(change + "_mb", "change_mb")},
            {change}_percent::numeric AS change_percent,
            {moment("calculated_at")}, {count}
        FROM public.{table}
        WHERE instance_id = %(instance)s AND period_start >= %(first)s AND period_start < %(end)s
            AND (period_start, id) > (%(day)s, %(id)s)
        ORDER BY period_start, id LIMIT %(most)s
    """  # noqa: S608 - names of ours


def database_steps(store: WhaleFall, scope: Scope, place: tuple[str | int, ...]) -> Iterator[Step]:
    """Yield the inventory of databases."""
    after = int(place[0]) if place else LOWEST
    while found := store.rows(_Database, _DATABASES, {"after": after, "most": AT_ONCE}):
        tally = Tally()
        rows = [made for row in found if (made := _database(row, scope, tally))]
        after = found[-1].id
        yield Step(rows, (after,), tally)


def _database(row: _Database, scope: Scope, tally: Tally) -> ImportedDatabase | None:
    instance_id = scope.instance_ids.get(row.instance_id)
    name = clean(row.database_name)
    if instance_id is None or bad_name(name):
        tally.leave(NOT_TAKEN_INSTANCE if instance_id is None else bad_name(name), name)
        return None
    days = (row.first_seen, row.last_seen)
    seen = sorted(min(day, scope.today) for day in days if day is not None)
    if not seen:
        tally.leave("nothing says when it was seen", name)
        return None
    deleted_at = aware(row.deleted_at) or midnight(seen[-1])
    return ImportedDatabase(
        *(instance_id, name, row.is_active, midnight(seen[0]), midnight(seen[-1])),
        None if row.is_active else deleted_at,
    )


def size_steps(store: WhaleFall, scope: Scope, place: tuple[str | int, ...]) -> Iterator[Step]:
    """Yield the days of databases, month by month of each instance."""
    found = windows(store, "database_size_stats", "collected_date")
    for window, left in to_read(found, place, scope):
        if left.seen:
            yield Step((), place_of(window), left)
            continue
        last: tuple[str | int, ...] = place if place[:2] == place_of(window) else ()
        while rows := store.rows(_Size, _SIZES, {**bounds(window), **_after(last, window)}):
            tally = Tally()
            made = [item for row in rows if (item := _size(row, window, scope, tally))]
            end = rows[-1]
            last = place_of(window, end.collected_date.isoformat(), end.database_name, end.id)
            yield Step(made, last, tally)
            if len(rows) < AT_ONCE:
                break


def _size(row: _Size, window: Window, scope: Scope, tally: Tally) -> ImportedSize | None:
    name = clean(row.database_name)
    what = f"{name} on {row.collected_date}"
    reason = bad_day(row.collected_date, row.size_mb, scope) or bad_name(name)
    if reason:
        tally.leave(reason, what)
        return None
    total = row.size_mb or 0
    data, log = row.data_size_mb, row.log_size_mb
    if not 0 <= (data or 0) <= total or not 0 <= (log or 0) <= MOST_MIB:
        tally.note("a part of its size is negative or too large: the total alone was taken", what)
        data = log = None
    return ImportedSize(
        *(scope.instance_ids[window.instance_id], name, row.collected_date, total * MIB),
        None if data is None or data == total else data * MIB,
        None if log is None else log * MIB,
        _measured_at(row.collected_at, row.collected_date, tally),
    )


def total_steps(store: WhaleFall, scope: Scope, place: tuple[str | int, ...]) -> Iterator[Step]:
    """Yield the days of instances, month by month of each."""
    found = windows(store, "instance_size_stats", "collected_date")
    for window, left in to_read(found, place, scope):
        if left.seen:
            yield Step((), place_of(window), left)
            continue
        last: tuple[str | int, ...] = place if place[:2] == place_of(window) else ()
        while rows := store.rows(_Total, _TOTALS, {**bounds(window), **_after(last, window)}):
            tally = Tally()
            made = [item for row in rows if (item := _total(row, window, scope, tally))]
            last = place_of(window, rows[-1].collected_date.isoformat(), rows[-1].id)
            yield Step(made, last, tally)
            if len(rows) < AT_ONCE:
                break


def _total(row: _Total, window: Window, scope: Scope, tally: Tally) -> ImportedTotal | None:
    reason = bad_day(row.collected_date, row.total_size_mb, scope)
    if row.is_deleted:
        reason = "it was removed there"
    if reason:
        tally.leave(reason, str(row.collected_date))
        return None
    return ImportedTotal(
        scope.instance_ids[window.instance_id],
        row.collected_date,
        (row.total_size_mb or 0) * MIB,
        min(max(0, row.database_count or 0), MOST_DATABASES),
        _measured_at(row.collected_at, row.collected_date, tally),
    )


def period_steps(
    store: WhaleFall, scope: Scope, place: tuple[str | int, ...], *, of_databases: bool
) -> Iterator[Step]:
    """Yield the aggregations of databases, or of instances, month by month of each instance."""
    table = "database_size_aggregations" if of_databases else "instance_size_aggregations"
    query = _periods(of_databases=of_databases)
    for window, left in to_read(windows(store, table, "period_start"), place, scope):
        if left.seen:
            yield Step((), place_of(window), left)
            continue
        last: tuple[str | int, ...] = place if place[:2] == place_of(window) else ()
        while rows := store.rows(_Period, query, {**bounds(window), **_after(last, window)}):
            tally = Tally()
            made = [
                item
                for row in rows
                if (item := _period(row, window, scope, tally, is_named=of_databases))
            ]
            last = place_of(window, rows[-1].period_start.isoformat(), rows[-1].id)
            yield Step(made, last, tally)
            if len(rows) < AT_ONCE:
                break


def _period(
    row: _Period, window: Window, scope: Scope, tally: Tally, *, is_named: bool
) -> ImportedPeriod | None:
    kind = _KINDS.get(row.period_type.strip().lower())
    name = clean(row.database_name)
    what = f"{name} {row.period_type} {row.period_start}".strip()
    reason = _bad_period(row, kind, scope)
    if is_named:
        reason = bad_name(name) or reason
    if reason or kind is None:
        tally.leave(reason, what)
        return None
    # Without a period before there, it says 0; so may one that stayed as it was. Neither is known.
    is_none = not row.change_mb and not row.change_percent
    is_known = row.change_mb is not None and abs(row.change_mb) <= MOST_MIB and not is_none
    percent = row.change_percent
    return ImportedPeriod(
        scope.instance_ids[window.instance_id],
        name,
        Period(kind, row.period_start),
        row.data_count or 0,
        (row.avg_size_mb or 0) * MIB,
        (row.min_size_mb or 0) * MIB,
        (row.max_size_mb or 0) * MIB,
        (row.change_mb or 0) * MIB if is_known else None,
        float(percent) if is_known and percent is not None and percent.is_finite() else None,
        aware(row.calculated_at) or midnight(row.period_start),
        row.database_count if 0 <= (row.database_count or 0) <= MOST_DATABASES else None,
    )


def _bad_period(row: _Period, kind: PeriodType | None, scope: Scope) -> str:
    sizes = (row.avg_size_mb, row.min_size_mb, row.max_size_mb)
    if kind is None:
        return f"its kind of period is not known here ({clean(row.period_type)[:40]})"
    if Period.of(kind, row.period_start).start != row.period_start:
        return "it does not begin where such a period begins"
    if row.period_start >= scope.today:
        return "it has not begun"
    if (
        any(size is None or size < 0 for size in sizes)
        or not 0 < (row.data_count or 0) <= MOST_DAYS
    ):
        return "its sizes, or its days, are negative, missing or too many"
    if not (row.min_size_mb or 0) <= (row.avg_size_mb or 0) <= (row.max_size_mb or 0) <= MOST_MIB:
        return "its least, average and largest sizes are in no order"
    return ""


def bad_day(day: date, size: int | None, scope: Scope) -> str:
    """Return why a size (MiB) of a day can't be taken, or nothing."""
    if size is None or size < 0:
        return NEGATIVE
    if size > MOST_MIB:
        return TOO_LARGE
    if day >= scope.today:
        return NOT_OVER
    return TOO_OLD if day < scope.sizes_from else ""


def _measured_at(moment_there: datetime | None, day: date, tally: Tally) -> datetime:
    if moment_there is None:
        tally.note(NO_MOMENT, str(day))
        return midnight(day)
    measured = aware(moment_there) or midnight(day)
    if abs(measured - midnight(day)) > APART:
        tally.note("its moment is not of its day: its day was taken", str(day))
        return midnight(day)
    if moment_there.tzinfo is None:
        tally.note("its moment has no time zone: taken as UTC", str(day))
    return measured


def _after(last: tuple[str | int, ...], window: Window) -> dict[str, Any]:
    """Return the parameters of the row after which to go on; of none, from the first one on."""
    if len(last) > 2:  # noqa: PLR2004 - the window itself
        name = last[3] if len(last) > 4 else ""  # noqa: PLR2004 - a day, a name and a number
        day = date.fromisoformat(str(last[2]))
        return {"day": day, "name": name, "id": last[-1], "most": AT_ONCE}
    return {"day": window.month, "name": "", "id": LOWEST, "most": AT_ONCE}
