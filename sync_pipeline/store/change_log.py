"""The change log: what each sync changed, as it is written and found again."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    cast,
    exists,
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
    Effect,
    LoggedChange,
    Reconciliation,
)
from sync_pipeline.model.change_json import diff_from_json
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.store.change_retention import HORIZON
from sync_pipeline.store.database import Database, among, insert_rows
from sync_pipeline.store.schema import FIRST_SYNC, instances
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.worlds.changes import pack_change, read_change
from sync_pipeline.store.worlds.packed import WorldError

_NOTHING_TOLD = ("[]", "0")
_COMING_AND_GOING = (ChangeType.ADD, ChangeType.REMOVE, ChangeType.REACTIVATE)
_IS_SILENT = cast(log.c.lines, Text).in_(_NOTHING_TOLD)
_IS_OF_PEOPLE = not_(and_(_IS_SILENT, log.c.change_type.in_(_COMING_AND_GOING)))
"""Not that what an engine made for itself came or went, which is written with nothing to tell."""
# One entry of the first sync of each instance stands for all of them (see `write`).
_FIRST = log.alias("first")
_ROWS_AT_ONCE = 500
_OF_INSTANCE = typing.cast("ColumnClause[int]", _FIRST.c.instance_id)
_OF_FIRST = and_(
    _FIRST.c.told == FIRST_SYNC,
    _FIRST.c.instance_id == log.c.instance_id,
    _FIRST.c.changed_at == log.c.changed_at,
    _FIRST.c.session_id == log.c.session_id,
)
IS_BASELINE = and_(log.c.change_type == str(ChangeType.ADD), exists().where(_OF_FIRST))
"""That the first sync of an instance found the account."""
IS_KEPT = log.c.changed_at >= HORIZON.scalar_subquery()
# No index can be used for it: of two bounds SQLite takes one, and it has to be the nearer.
_MOMENT = func.coalesce(log.c.changed_at, log.c.changed_at)
# The order in which entries were written, which is that of moments unless a clock was set back. Not
# by the key, along which a store would look through the entries of all instances.
_WRITTEN = func.coalesce(log.c.id, log.c.id)

_PLAIN = select(log, instances.c.name, literal(value=False).label("is_baseline")).join_from(
    log, instances
)
_JUDGED = select(log, instances.c.name, IS_BASELINE.label("is_baseline")).join_from(log, instances)
"""Of entries of which it is to be found out whether they are of a first sync."""


def between(
    since: datetime | None, until: datetime | None, *, is_later_page: bool = False
) -> Iterator[ColumnElement[bool]]:
    """Yield that an entry is of `[since, until]`, and kept; `is_later_page`: from a place on."""
    if since is None:
        yield IS_KEPT
    else:
        yield from (log.c.changed_at >= since, HORIZON.scalar_subquery() <= _MOMENT)
    if until is not None:
        yield (_MOMENT if is_later_page else log.c.changed_at) <= until


def entries(database: Database, wanted: ChangeFilter) -> list[LoggedChange]:
    """Return entries of the change log, newest first; or as they were written, oldest first."""
    is_list = not (wanted.with_baselines or wanted.with_silent)
    query = _PLAIN if is_list else _JUDGED
    if is_list:
        query = query.where(log.c.told > FIRST_SYNC)
    elif not wanted.with_baselines:
        query = query.where(not_(IS_BASELINE))
    elif not wanted.with_silent:
        query = query.where(not_(_IS_SILENT))
    if not wanted.with_own:
        query = query.where(_IS_OF_PEOPLE)
    order = (_WRITTEN,) if wanted.oldest_first else (log.c.changed_at.desc(), log.c.id.desc())
    with database.read() as connection:
        query = _filtered(connection, query, wanted)
        rows = connection.execute(query.order_by(*order).limit(wanted.limit))
        return [logged(row, with_damaged=wanted.with_damaged) for row in rows]


def changed_since(
    database: Database, moment: datetime, instance_ids: Sequence[int]
) -> frozenset[int]:
    """Return those of some instances of which something later than a moment is in the log."""
    is_later = exists().where(log.c.instance_id == instances.c.id, log.c.changed_at > moment)
    with database.read() as connection:
        own = among(connection, instances.c.id, instance_ids)
        return frozenset(connection.scalars(select(instances.c.id).where(own, is_later)))


def later_than(
    connection: Connection, moment: datetime, instance_ids: Sequence[int] | None
) -> list[LoggedChange]:
    """Return what changed later than a moment on these instances, or on all, newest first.

    The order is that in which it was written. Where a clock was set back, what was written before
    something of that moment is none of it.
    """
    query = _PLAIN.where(log.c.changed_at > moment, HORIZON.scalar_subquery() <= _MOMENT)
    own = () if instance_ids is None else (_of_ids(connection, instance_ids),)
    last = _last_by(connection, moment, own)
    rows = connection.execute(query.where(*own).order_by(_WRITTEN.desc()))
    return [logged(row) for row in rows if row.id > last.get(row.instance_id, 0)]


def later_of(connection: Connection, instance_id: int, moment: datetime) -> Iterator[LoggedChange]:
    """Yield the same of one instance, some at a time."""
    own = log.c.instance_id == instance_id
    last = _last_by(connection, moment, (own,)).get(instance_id, 0)
    query = _PLAIN.where(own, log.c.changed_at > moment, IS_KEPT)
    ordered = query.where(last < _WRITTEN).order_by(_WRITTEN.desc())
    rows = connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE))
    return map(logged, rows)


def later_by_instance(
    connection: Connection, instance_ids: Sequence[int], moment: datetime
) -> Iterator[tuple[int, Iterator[LoggedChange]]]:
    """Yield the same of instances by their ids, of those that have any: one after the other."""
    own = _of_ids(connection, instance_ids)
    last = _last_by(connection, moment, (own,))
    query = _PLAIN.where(own, log.c.changed_at > moment, IS_KEPT)
    ordered = query.order_by(log.c.instance_id, _WRITTEN.desc())
    rows = connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE))
    later = (row for row in rows if row.id > last.get(row.instance_id, 0))
    for key, some in groupby(later, key=attrgetter("instance_id")):
        yield key, map(logged, some)


def _last_by(
    connection: Connection, moment: datetime, own: Sequence[ColumnElement[bool]]
) -> Mapping[int, int]:
    """Return the last entry (id) of an instance until a moment, where later ones stand before it.

    There is none unless a clock was set back. What was written since the moment is looked at.
    """
    first = select(func.min(_WRITTEN)).where(log.c.changed_at > moment, *own).scalar_subquery()
    query = select(log.c.instance_id, func.max(log.c.id))
    query = query.where(log.c.id > first, moment >= _MOMENT, *own).group_by(log.c.instance_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def _of_ids(connection: Connection, instance_ids: Sequence[int]) -> ColumnElement[bool]:
    return among(connection, log.c.instance_id, instance_ids)


def baselines(database: Database, wanted: ChangeFilter) -> list[Baseline]:
    """Return what the first sync of each instance found, newest first."""
    query = select(log, instances.c.name).join_from(log, instances)
    query = query.where(log.c.told == FIRST_SYNC)
    order = (log.c.changed_at.desc(), instances.c.name)
    with database.read() as connection:
        query = _filtered(connection, query, wanted)
        rows = connection.execute(query.order_by(*order).limit(wanted.limit)).all()
        counts = found_by_first_syncs(connection, [row.instance_id for row in rows])
    return [baseline_of(row, counts) for row in rows]


def found_by_first_syncs(connection: Connection, instance_ids: Sequence[int]) -> Mapping[int, int]:
    """Return how many accounts the first sync of each of these instances found."""
    if not instance_ids:
        return {}
    query = (
        select(_FIRST.c.instance_id, func.count())
        .join_from(_FIRST, log, _OF_FIRST)
        .where(
            _FIRST.c.told == FIRST_SYNC,
            among(connection, _OF_INSTANCE, instance_ids),
            log.c.change_type == str(ChangeType.ADD),
            not_(_IS_SILENT),
        )
        .group_by(_FIRST.c.instance_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def baseline_of(row: Row[Any], counts: Mapping[int, int]) -> Baseline:
    """Return what an entry stands for that is of a first sync."""
    count = counts.get(row.instance_id, 0)
    return Baseline(row.name, row.session_id, row.changed_at, count)


def write(
    connection: Connection,
    instance_id: int,
    result: Reconciliation,
    session_id: str,
    observed_at: datetime,
) -> None:
    """Write what a sync changed. One entry of a first sync is marked to stand for all of them."""
    rows: list[dict[str, Any]] = [
        {
            "instance_id": instance_id,
            "account_name": change.account,
            "change_type": str(change.change_type),
            "diff": {},
            "lines": len(change.lines),
            "packed": pack_change(change.diff, change.lines),
            "session_id": session_id,
            "changed_at": observed_at,
            "told": None if result.is_baseline or not change.lines else int(change.effect),
        }
        for change in result.changes
    ]
    if result.is_baseline and rows:
        rows[0]["told"] = FIRST_SYNC
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
    query = query.where(*between(wanted.since, wanted.until))
    if wanted.instances is None:
        return query
    if len(wanted.instances) == 1:
        # Said of the log itself, so that the range of one account of one instance is found.
        return query.where(log.c.instance_id == wanted.instances[0])
    return query.where(among(connection, instances.c.id, wanted.instances))


def logged(row: Row[Any], *, with_damaged: bool = False) -> LoggedChange:
    """Return an entry of the log.

    Raises:
        StoreDamaged: it is not what was written (without `with_damaged`).
    """
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
            effect=Effect(row.told) if (row.told or 0) > 0 else Effect.NONE,
        ),
        is_baseline=bool(row.is_baseline),
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
