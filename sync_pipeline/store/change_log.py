"""The change log: what each sync changed, as it is written and found again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    not_,
    select,
)

from sync_pipeline.errors import Phase, StoreDamaged
from sync_pipeline.model.change import (
    AccountChange,
    AccountDiff,
    Baseline,
    ChangeType,
    LoggedChange,
    Reconciliation,
)
from sync_pipeline.model.change_json import diff_from_json
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.store.change_retention import HORIZON
from sync_pipeline.store.database import Database, among, insert_rows
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import instances
from sync_pipeline.store.worlds.changes import pack_change, read_change
from sync_pipeline.store.worlds.packed import WorldError

# The first entry of each instance is of its first sync: it is never pruned, though not told any
# more when it is too old.
_OLDER = log.alias("older")
_FIRST_ID = (
    select(_OLDER.c.id)
    .where(_OLDER.c.instance_id == instances.c.id)
    .order_by(_OLDER.c.changed_at, _OLDER.c.id)
    .limit(1)
    .scalar_subquery()
)
_FIRSTS = select(instances.c.id.label("instance_id"), _FIRST_ID.label("first_id"))
_NOTHING_TOLD = ("[]", "0")
_COMING_AND_GOING = (ChangeType.ADD, ChangeType.REMOVE, ChangeType.REACTIVATE)
_IS_SILENT = cast(log.c.lines, Text).in_(_NOTHING_TOLD)
_IS_OF_PEOPLE = not_(and_(_IS_SILENT, log.c.change_type.in_(_COMING_AND_GOING)))
"""Not that what an engine made for itself came or went, which is written with nothing to tell."""
_FIRST = log.alias("first")
_ROWS_AT_ONCE = 500


def _with_first(firsts: CTE) -> FromClause:
    """Join entries to their instance and to the first entry of it."""
    return (
        log.join(instances)
        .join(firsts, firsts.c.instance_id == log.c.instance_id)
        .join(_FIRST, _FIRST.c.id == firsts.c.first_id)
    )


# Entries are found by their order, the first ones by their instances: else all would be read.
_LOGGED = _with_first(_FIRSTS.cte("firsts"))
_OF_FIRSTS = _with_first(_FIRSTS.cte("firsts").prefix_with("MATERIALIZED"))
_IS_BASELINE = and_(
    log.c.change_type == str(ChangeType.ADD),
    log.c.session_id == _FIRST.c.session_id,
    log.c.changed_at == _FIRST.c.changed_at,
)
_IS_KEPT = log.c.changed_at >= HORIZON.scalar_subquery()
# No index can be used for it: the first entries are few, and are found by their instances.
_FIRST_AT = func.coalesce(_FIRST.c.changed_at, _FIRST.c.changed_at)
_IS_FIRST_KEPT = HORIZON.scalar_subquery() <= _FIRST_AT


def entries(database: Database, wanted: ChangeFilter) -> list[LoggedChange]:
    """Return entries of the change log, newest first unless asked otherwise."""
    query = select(log, instances.c.name, _IS_BASELINE.label("is_baseline"))
    query = query.select_from(_LOGGED)
    if not wanted.with_baselines:
        query = query.where(not_(_IS_BASELINE))
    if not wanted.with_silent:
        query = query.where(not_(_IS_SILENT))
    if not wanted.with_own:
        query = query.where(_IS_OF_PEOPLE)
    order = (
        (log.c.changed_at, log.c.id)
        if wanted.oldest_first
        else (log.c.changed_at.desc(), log.c.id.desc())
    )
    with database.read() as connection:
        query = _filtered(connection, query.where(_IS_KEPT), wanted)
        rows = connection.execute(query.order_by(*order).limit(wanted.limit))
        return [_logged(row, with_damaged=wanted.with_damaged) for row in rows]


def later_than(
    connection: Connection, moment: datetime, instance_ids: Sequence[int] | None
) -> list[LoggedChange]:
    """Return what changed later than a moment on these instances, or on all, newest first."""
    query = select(log, instances.c.name, literal(value=False).label("is_baseline"))
    query = query.join_from(log, instances).where(log.c.changed_at > moment, _IS_KEPT)
    if instance_ids is not None:
        query = query.where(among(connection, instances.c.id, instance_ids))
    rows = connection.execute(query.order_by(log.c.changed_at.desc(), log.c.id.desc()))
    return [_logged(row) for row in rows]


def later_of(connection: Connection, instance_id: int, moment: datetime) -> Iterator[LoggedChange]:
    """Yield what changed later than a moment on an instance, newest first, some at a time."""
    query = select(log, instances.c.name, literal(value=False).label("is_baseline"))
    query = query.join_from(log, instances).where(
        log.c.instance_id == instance_id, log.c.changed_at > moment, _IS_KEPT
    )
    ordered = query.order_by(log.c.changed_at.desc(), log.c.id.desc())
    rows = connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE))
    return map(_logged, rows)


def baselines(database: Database, wanted: ChangeFilter) -> list[Baseline]:
    """Return what the first sync of each instance found, newest first."""
    by = (instances.c.name, log.c.session_id, log.c.changed_at)
    told = func.count().filter(not_(_IS_SILENT))
    counted = select(*by, told.label("accounts")).select_from(_OF_FIRSTS)
    query = counted.where(_IS_BASELINE, _IS_FIRST_KEPT).group_by(*by)
    order = (log.c.changed_at.desc(), instances.c.name)
    with database.read() as connection:
        query = _filtered(connection, query, wanted)
        rows = connection.execute(query.order_by(*order).limit(wanted.limit))
        return [Baseline(row.name, row.session_id, row.changed_at, row.accounts) for row in rows]


def write(
    connection: Connection,
    instance_id: int,
    result: Reconciliation,
    session_id: str,
    observed_at: datetime,
) -> None:
    """Write what a sync changed."""
    rows = [
        {
            "instance_id": instance_id,
            "account_name": change.account,
            "change_type": str(change.change_type),
            "diff": {},
            "lines": len(change.lines),
            "packed": pack_change(change.diff, change.lines),
            "session_id": session_id,
            "changed_at": observed_at,
        }
        for change in result.changes
    ]
    insert_rows(connection, log, rows)


def _filtered(connection: Connection, query: Select[Any], wanted: ChangeFilter) -> Select[Any]:
    conditions = (
        (wanted.account, log.c.account_name == wanted.account),
        (wanted.session_id, log.c.session_id == wanted.session_id),
        (wanted.change_types or None, log.c.change_type.in_(wanted.change_types)),
    )
    for value, condition in conditions:
        if value is not None:
            query = query.where(condition)
    if wanted.since is not None:
        query = query.where(log.c.changed_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(log.c.changed_at <= wanted.until)
    if wanted.instances is not None:
        query = query.where(among(connection, instances.c.id, wanted.instances))
    return query


def _logged(row: Row[Any], *, with_damaged: bool = False) -> LoggedChange:
    try:
        diff, lines = _told(row)
    except StoreDamaged as error:
        if not with_damaged:
            raise
        diff, lines = AccountDiff(), (f"not known: {error.message}",)
    return LoggedChange(
        id=row.id,
        instance=row.name,
        session_id=row.session_id,
        changed_at=row.changed_at,
        change=AccountChange(
            account=row.account_name,
            change_type=ChangeType(row.change_type),
            diff=diff,
            lines=lines,
        ),
        is_baseline=row.is_baseline,
    )


def _told(row: Row[Any]) -> tuple[AccountDiff, tuple[str, ...]]:
    if row.packed is None:
        return diff_from_json(row.diff), tuple(row.lines)
    try:
        return read_change(bytes(row.packed))
    except WorldError as error:
        raise StoreDamaged(
            f"The entry {row.id} of its change log is not what was written: {error}.",
            instance=row.name,
            phase=Phase.STORE,
            hint="Restore the store from its backup.",
        ) from None
