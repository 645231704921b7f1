"""The change log of a fleet, newest first: a page of it is a range of an index.

A key holds names: the ids of entries count those of others. An entry is found again by its moment,
instance and account, and by which one of those it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from sync_pipeline.model.change import OF_POWER, ChangeType, Effect
from sync_pipeline.model.change_page import ChangeLine, ChangeQuestion, KindOfChange
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.page import Key, Page, Place, alike_of, checked_key, moment_of, no_key
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.change_log import (
    IS_BASELINE,
    baseline_of,
    between,
    found_by_first_syncs,
    logged,
)
from sync_pipeline.store.console.reach import FEW, after, chosen, in_reach, of_reach
from sync_pipeline.store.database import among
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import FIRST_SYNC, GIVES_OR_TAKES_POWER, instances
from sync_pipeline.store.schema import account_change_log as log

_NEWEST_FIRST = (log.c.changed_at, log.c.id)
_IS_TOLD = log.c.told.is_not(None)
_IS_NO_FIRST_SYNC = log.c.told > FIRST_SYNC
_Ids = list[int] | None


class ChangePages(OfDatabase):
    """Changes of accounts within a reach, of all instances there ever were."""

    @remembered
    def page(self, reach: Reach, asked: ChangeQuestion, place: Place) -> Page[ChangeLine]:
        """Return a page of changes, newest first: at most five statements.

        What a version wrote that did not say its effect is among those of any effect.
        """
        with self._database.read() as connection:
            begin = _begin(connection, reach, checked_key(place.after, str, str, str, int))
            where, ids = _within(connection, reach, asked)
            wanted = [
                *where,
                *_narrowing(asked),
                *between(asked.since, asked.until, is_later_page=begin is not None),
            ]
            found = _found(wanted, ids, begin, place.limit + 1)
            rows = _rows(connection, found, with_baselines=bool(asked.account))
            shown = rows[: place.limit]
            following = _key(connection, shown[-1]) if len(rows) > place.limit else None
            return Page(
                tuple(_lines(connection, shown, is_of_account=bool(asked.account))), following
            )

    @remembered
    def kinds(self, reach: Reach, since: datetime) -> list[KindOfChange]:
        """Return how many changes of each kind there were since a moment: an index is read."""
        columns = (log.c.change_type, log.c.told)
        with self._database.read() as connection:
            query = select(*columns, func.count()).where(*_since(connection, reach, since))
            rows = connection.execute(query.group_by(*columns)).all()
        return [_kind(*row) for row in rows]

    @remembered
    def unjudged(self, reach: Reach, since: datetime, limit: int) -> list[ChangeLine]:
        """Return changes since a moment of which a version did not say what they do."""
        with self._database.read() as connection:
            where = (*_since(connection, reach, since), GIVES_OR_TAKES_POWER)
            query = select(*_NEWEST_FIRST).where(*where, log.c.told >= int(Effect.UNKNOWN))
            found = after(query, _NEWEST_FIRST, None, is_descending=True).limit(limit)
            return list(_lines(connection, _rows(connection, found), is_of_account=False))

    @remembered
    def foremost(self, reach: Reach, since: datetime, limit: int) -> list[ChangeLine]:
        """Return the changes since a moment, the most important first, first syncs the last."""
        rank = _rank().label("rank")
        with self._database.read() as connection:
            query = select(*_NEWEST_FIRST, rank).where(*_since(connection, reach, since))
            order = (rank, log.c.changed_at.desc(), log.c.id.desc())
            found = query.order_by(*order).limit(limit)
            rows = connection.execute(found).all()
            place = {row.id: number for number, row in enumerate(rows)}
            kept = select(*_NEWEST_FIRST).where(among(connection, log.c.id, list(place)))
            shown = sorted(_rows(connection, kept), key=lambda row: place[row.id])
            return list(_lines(connection, shown, is_of_account=False))


def _since(connection: Connection, reach: Reach, since: datetime) -> list[ColumnElement[bool]]:
    own = of_reach(connection, reach, log.c.instance_id)
    return [_IS_TOLD, *between(since, None), *own]


def _rank() -> ColumnElement[int]:
    """Return the place of a change among others: who got power, then who lost it, and so on."""
    types = log.c.change_type
    of_first = log.c.told == FIRST_SYNC
    return case(
        (of_first, 8),
        (log.c.told.bitwise_and(int(Effect.GIVES_POWER)) != 0, 0),
        (log.c.told.bitwise_and(int(Effect.TAKES_POWER)) != 0, 1),
        (types == str(ChangeType.ADD), 2),
        (types == str(ChangeType.REMOVE), 3),
        (types == str(ChangeType.REACTIVATE), 4),
        (log.c.told.bitwise_and(int(Effect.TAKES)) != 0, 5),
        (types == str(ChangeType.MODIFY_PRIVILEGE), 6),
        else_=7,
    )


def _kind(change_type: str, told: int, count: int) -> KindOfChange:
    if told == FIRST_SYNC:
        return KindOfChange(None, Effect.NONE, count)
    return KindOfChange(ChangeType(change_type), Effect(told), count)


def _within(
    connection: Connection, reach: Reach, asked: ChangeQuestion
) -> tuple[list[ColumnElement[bool]], _Ids]:
    """Return what keeps a question within the reach: conditions, and ids where they are few."""
    narrowing = (*in_reach(connection, reach), *chosen(connection, asked.of))
    if not narrowing:
        return [], None
    own = select(instances.c.id).where(*narrowing)
    ids = list(connection.scalars(own.limit(FEW + 1)))
    if len(ids) <= FEW:
        return [_of(connection, ids)], ids
    return [log.c.instance_id.in_(own)], None


def _of(connection: Connection, ids: Sequence[int]) -> ColumnElement[bool]:
    if len(ids) == 1:
        return log.c.instance_id == ids[0]
    return among(connection, log.c.instance_id, ids)


def _narrowing(asked: ChangeQuestion) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.account:
        found.append(log.c.account_name == asked.account)
    elif not asked.effect:
        found.append(_IS_TOLD)
    if asked.effect:
        # What the effect of an entry is, that is not told, nobody asks.
        of_power = bool(asked.effect & OF_POWER) and not asked.effect & ~OF_POWER
        found += [GIVES_OR_TAKES_POWER] if of_power else [_IS_TOLD, _IS_NO_FIRST_SYNC]
        found.append(log.c.told.bitwise_and(int(asked.effect | Effect.UNKNOWN)) != 0)
    if asked.types or asked.first_syncs:
        found.append(_of_types(asked))
    return found


def _of_types(asked: ChangeQuestion) -> ColumnElement[bool]:
    of_first = log.c.told == FIRST_SYNC
    types = log.c.change_type.in_([str(item) for item in asked.types])
    if not asked.types:
        return of_first
    if asked.account:
        return types
    alone = and_(types, log.c.told != FIRST_SYNC)
    return or_(alone, of_first) if asked.first_syncs else alone


def _found(
    where: Iterable[ColumnElement[bool]],
    ids: _Ids,
    begin: tuple[datetime, int] | None,
    limit: int,
) -> Select[Any]:
    """Return the ids of a page's entries, with their moments."""
    query = select(*_NEWEST_FIRST).where(*where)
    columns: tuple[ColumnElement[Any], ...] = _NEWEST_FIRST
    if ids is not None and len(ids) != 1:
        # All of them, then sorted: in the order of all, few of many are a long way.
        own = query.cte("own").prefix_with("MATERIALIZED")
        query, columns = select(own), (own.c.changed_at, own.c.id)
    if begin is not None:
        moment, number = columns
        # A range of moments, which PostgreSQL can weigh: of pairs it knows no number.
        query = query.where(moment <= begin[0], or_(moment < begin[0], number < begin[1]))
    return after(query, columns, None, is_descending=True).limit(limit)


def _rows(
    connection: Connection, found: Select[Any], *, with_baselines: bool = False
) -> list[Row[Any]]:
    page = found.subquery("page")
    is_baseline = IS_BASELINE if with_baselines else literal(value=False)
    query = (
        select(
            *(log, instances.c.name, instances.c.engine, instances.c.deleted_at),
            is_baseline.label("is_baseline"),
        )
        .join_from(page, log, log.c.id == page.c.id)
        .join(instances, instances.c.id == log.c.instance_id)
        # By the page's own: else PostgreSQL may go through the log in this order to find its rows.
        .order_by(page.c.changed_at.desc(), page.c.id.desc())
    )
    return list(connection.execute(query))


def _lines(
    connection: Connection, rows: Sequence[Row[Any]], *, is_of_account: bool
) -> Iterable[ChangeLine]:
    """Yield rows as they are told. Who asks for one account is told of it, not of a first sync."""
    told = not is_of_account
    firsts = [row.instance_id for row in rows if told and row.told == FIRST_SYNC]
    counts = found_by_first_syncs(connection, firsts)
    for row in rows:
        is_first = told and row.told == FIRST_SYNC
        entry = baseline_of(row, counts) if is_first else logged(row, with_damaged=True)
        yield ChangeLine(entry, EngineName(row.engine), row.deleted_at is None)


def _key(connection: Connection, row: Row[Any]) -> Key:
    """Return the key of an entry: by how many newer ones it is like it, it is told from them."""
    alike = select(func.count()).where(
        log.c.account_name == row.account_name,
        log.c.changed_at == row.changed_at,
        log.c.id > row.id,
        log.c.instance_id == row.instance_id,
    )
    number = connection.scalar(alike) or 0
    return row.changed_at.isoformat(), row.name, row.account_name, number


def _begin(connection: Connection, reach: Reach, key: Key | None) -> tuple[datetime, int] | None:
    """Return the moment and the id of the entry of a key.

    Raises:
        ConfigurationError: it names none within the reach.
    """
    if key is None:
        return None
    moment, number = moment_of(key), alike_of(key, 3)
    _, instance, account, _ = key
    query = (
        select(log.c.id)
        .join(instances, instances.c.id == log.c.instance_id)
        .where(
            log.c.account_name == account,
            log.c.changed_at == moment,
            instances.c.name == instance,
            *in_reach(connection, reach),
        )
        .order_by(log.c.id.desc())
    )
    found = connection.scalar(query.limit(1).offset(number))
    if found is None:
        raise no_key()
    return moment, found
