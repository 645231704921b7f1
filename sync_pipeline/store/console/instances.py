"""Instances as the console lists them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select

from sync_pipeline.model.instance import Instance
from sync_pipeline.model.maintenance import MaintenanceWindow
from sync_pipeline.model.page import (
    InstanceLine,
    InstanceOrder,
    InstanceQuestion,
    Key,
    Page,
    Place,
    checked_key,
    moment_of,
    page_of,
)
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import after, chosen, in_reach, in_state, starts
from sync_pipeline.store.database import among
from sync_pipeline.store.registry import instance_of, was_there
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instances
from sync_pipeline.store.watch.schema import freshness_states as states

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_IS_THERE = instances.c.deleted_at.is_(None)


class InstancePages(OfDatabase):
    """Instances that were not removed, within a reach."""

    @remembered
    def page(
        self,
        reach: Reach,
        asked: InstanceQuestion,
        windows: Sequence[MaintenanceWindow],
        place: Place,
        held: Sequence[int] = (),
    ) -> Page[InstanceLine]:
        """Return a page of instances, with how many there are in all: four statements.

        `windows` are those of maintenance that hold now, `held` the ids of those that the breaker
        holds.
        """
        with self._database.read() as connection:
            where = [_IS_THERE, *in_reach(connection, reach), *chosen(connection, asked)]
            if asked.state is not None:
                where.append(in_state(connection, asked.state, windows, held))
            total = connection.scalar(select(func.count()).select_from(instances).where(*where))
            columns = _order(asked.order)
            query = after(
                select(instances).where(*where),
                columns,
                _values(asked.order, place.after),
                is_descending=asked.is_descending,
            )
            rows = connection.execute(query.limit(place.limit + 1)).all()
            found = page_of(
                [instance_of(row) for row in rows],
                place.limit,
                lambda item: _key(asked.order, item),
            )
            return Page(_lines(connection, found.items), found.next, total)

    @remembered
    def named(self, reach: Reach, name: str, at: datetime | None = None) -> Instance | None:
        """Return one instance; None: there is none, it was removed, or it is out of reach.

        `at`: one that had not been removed by that moment.
        """
        with self._database.read_once() as connection:
            query = select(instances).where(
                _there(at), *in_reach(connection, reach), instances.c.name == name
            )
            row = connection.execute(query).first()
            return instance_of(row) if row else None

    def ids(self, reach: Reach, names: Sequence[str]) -> tuple[int, ...]:
        """Return the ids of those of some names that are there and within the reach."""
        with self._database.read_once() as connection:
            named = among(connection, instances.c.name, names)
            query = select(instances.c.id).where(_IS_THERE, *in_reach(connection, reach), named)
            return tuple(connection.scalars(query))

    @remembered
    def chosen(
        self,
        reach: Reach,
        asked: InstanceQuestion,
        limit: int | None,
        since: str | None = None,
        at: datetime | None = None,
    ) -> list[Instance]:
        """Return the active instances of a question by name, from a name on, at most `limit`.

        One that is named need not be active. `at`: those that had not been removed by that moment,
        active now or not.
        """
        with self._database.read_once() as connection:
            where = _chosen(connection, reach, asked, at)
            if since is not None:
                where.append(instances.c.name >= since)
            query = select(instances).where(*where).order_by(instances.c.name).limit(limit)
            return [instance_of(row) for row in connection.execute(query)]

    def few(self, reach: Reach, asked: InstanceQuestion, most: int) -> list[Instance] | None:
        """Return the active instances of a question by name; None: they are more than so many."""
        if not self._are_few(reach, asked, most):
            return None
        found = self.chosen(reach, asked, most + 1)
        return found if len(found) <= most else None

    @remembered
    def _are_few(self, reach: Reach, asked: InstanceQuestion, most: int) -> bool:
        with self._database.read_once() as connection:
            where = _chosen(connection, reach, asked, None)
            some = select(instances.c.id).where(*where).limit(most + 1)
            return len(connection.scalars(some).all()) <= most

    @remembered
    def names(self, reach: Reach, beginning: str, most: int) -> list[str]:
        """Return the names of instances that begin so, in order."""
        with self._database.read_once() as connection:
            query = (
                select(instances.c.name)
                .where(_IS_THERE, *in_reach(connection, reach), starts(instances.c.name, beginning))
                .order_by(instances.c.name)
            )
            return list(connection.scalars(query.limit(most)))

    @remembered
    def line(self, instance: Instance) -> InstanceLine:
        """Return an instance as a page has it."""
        with self._database.read() as connection:
            return _lines(connection, (instance,))[0]

    @remembered
    def account_counts(self, instance_id: int) -> tuple[int, int]:
        """Return how many accounts of an instance are there, and how many are gone."""
        there = func.count(case((accounts.c.is_active.is_(True), 1)))
        query = select(there, func.count() - there).where(accounts.c.instance_id == instance_id)
        with self._database.read_once() as connection:
            row = connection.execute(query).one()
            return int(row[0]), int(row[1])


def _chosen(
    connection: Connection, reach: Reach, asked: InstanceQuestion, at: datetime | None
) -> list[ColumnElement[bool]]:
    where = [_there(at), *in_reach(connection, reach), *chosen(connection, asked)]
    if not asked.names and at is None:
        where.append(instances.c.is_active.is_(True))
    return where


def _there(at: datetime | None) -> ColumnElement[bool]:
    return _IS_THERE if at is None else was_there(at)


def _lines(connection: Connection, items: Sequence[Instance]) -> tuple[InstanceLine, ...]:
    ids = [item.id for item in items]
    counted: Select[tuple[int, int]] = (
        select(accounts.c.instance_id, func.count())
        .where(among(connection, accounts.c.instance_id, ids), accounts.c.is_active.is_(True))
        .group_by(accounts.c.instance_id)
    )
    counts = {row[0]: row[1] for row in connection.execute(counted)}
    late: dict[int, list[SyncCategory]] = {}
    overdue = select(states.c.instance_id, states.c.sync_category).where(
        among(connection, states.c.instance_id, ids), states.c.stale_since.is_not(None)
    )
    for row in connection.execute(overdue.order_by(states.c.sync_category)):
        late.setdefault(row.instance_id, []).append(SyncCategory(row.sync_category))
    return tuple(
        InstanceLine(item, counts.get(item.id, 0), tuple(late.get(item.id, ()))) for item in items
    )


def _order(order: InstanceOrder) -> tuple[ColumnElement[object], ...]:
    columns = instances.c
    by_name: ColumnElement[object] = columns.name
    first: dict[InstanceOrder, ColumnElement[object]] = {
        InstanceOrder.ENGINE: columns.engine,
        InstanceOrder.ENVIRONMENT: func.coalesce(columns.environment, ""),
        InstanceOrder.REACHED: func.coalesce(
            columns.last_connected_at, literal(_LONG_AGO, columns.last_connected_at.type)
        ),
    }
    return (first[order], by_name) if order in first else (by_name,)


def _key(order: InstanceOrder, item: Instance) -> Key:
    first = {
        InstanceOrder.ENGINE: str(item.engine),
        InstanceOrder.ENVIRONMENT: item.environment or "",
        InstanceOrder.REACHED: (item.last_connected_at or _LONG_AGO).isoformat(),
    }
    return (first[order], item.name) if order in first else (item.name,)


def _values(order: InstanceOrder, key: Key | None) -> tuple[object, ...] | None:
    kinds = (str,) if order is InstanceOrder.NAME else (str, str)
    key = checked_key(key, *kinds)
    if key is None or order is not InstanceOrder.REACHED:
        return key
    return (moment_of(key), *key[1:])
