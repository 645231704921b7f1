"""The conditions of SQL that keep a question within what its viewer may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Select,
    and_,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from sync_pipeline.model.maintenance import MaintenanceWindow
from sync_pipeline.model.page import InstanceQuestion, InstanceState
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.database import among
from sync_pipeline.store.schema import failure_streaks as streaks
from sync_pipeline.store.schema import instances
from sync_pipeline.store.tags import some_tagged, tagged
from sync_pipeline.store.watch.schema import freshness_states as states

FEW = 200
"""Instances whose ids are written into a statement."""


def in_reach(connection: Connection, reach: Reach) -> tuple[ColumnElement[bool], ...]:
    """Return what the row of `instances` has to be; nothing where all are in reach."""
    return () if reach.tags is None else (has_any_tag(connection, reach.tags),)


def of_reach(
    connection: Connection, reach: Reach, column: ColumnClause[int]
) -> tuple[ColumnElement[bool], ...]:
    """Return that a column holds the id of an instance within a reach; nothing where all are."""
    return () if reach.tags is None else (_of_any_tag(connection, reach.tags, column),)


def has_any_tag(connection: Connection, tags: Sequence[str]) -> ColumnElement[bool]:
    """Return that an instance has one of these tags; of none, its own are not looked at."""
    return _of_any_tag(connection, tags, instances.c.id)


def _of_any_tag(
    connection: Connection, tags: Sequence[str], column: ColumnClause[int]
) -> ColumnElement[bool]:
    """Return that a column holds the id of an instance that has one of some tags.

    Of few instances, which a team mostly has, the ids are asked for first: with a seek for each a
    question is answered.
    """
    if not tags:
        return false()
    ids = some_tagged(connection, tags, FEW + 1)
    if len(ids) <= FEW:
        return among(connection, column, ids)
    return looked_up(connection, column).in_(tagged(tags))


def looked_up(connection: Connection, column: ColumnElement[int]) -> ColumnElement[int]:
    """Return a column of ids for a condition with which no way to the rows begins.

    Many ids are no way, and SQLite does not know that they are. What is no column to it, it looks
    up in them.
    """
    return column + 0 if connection.dialect.name == "sqlite" else column


def contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return that a text stands in a column, capital letters and small ones as they are."""
    return column.like(f"%{escaped(text)}%", escape="\\")


def starts(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return that a column starts with a text, in whatever order the database sorts texts."""
    return column.like(f"{escaped(text)}%", escape="\\")


def begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return that a column begins with a text, by a range that an index answers."""
    after = _next(text)
    if after is None:
        return column >= text
    return and_(column >= text, column < after)


def _next(text: str) -> str | None:
    """Return the first text after all that begin so; None: there is none."""
    for place in range(len(text) - 1, -1, -1):
        code = ord(text[place])
        # Surrogates are no characters of their own, and no store takes them.
        following = 0xE000 if code == 0xD7FF else code + 1  # noqa: PLR2004 - Unicode, 3.8
        if following <= 0x10FFFF:  # noqa: PLR2004 - the last code point
            return text[:place] + chr(following)
    return None


def escaped(text: str) -> str:
    """Return a text that LIKE takes as it is."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def after(
    query: Select[Any], columns: Sequence[Any], key: Sequence[Any] | None, *, is_descending: bool
) -> Select[Any]:
    """Return a query in the order of some columns, from the row after a key on."""
    order = [column.desc() if is_descending else column.asc() for column in columns]
    if key is not None:
        place = tuple_(*columns)
        query = query.where(place < tuple(key) if is_descending else place > tuple(key))
    return query.order_by(*order)


def chosen(connection: Connection, asked: InstanceQuestion) -> list[ColumnElement[bool]]:
    """Return what the fields of a question narrow, but for the state."""
    columns = instances.c
    found: list[ColumnElement[bool]] = []
    if asked.names:
        found.append(columns.name.in_(asked.names))
    if asked.tags:
        found.append(has_any_tag(connection, asked.tags))
    if asked.engines:
        found.append(columns.engine.in_(asked.engines))
    if asked.environments:
        found.append(columns.environment.in_(asked.environments))
    if asked.platforms:
        found.append(func.coalesce(columns.platform, "self-run").in_(asked.platforms))
    if asked.text:
        found.append(or_(contains(columns.name, asked.text), contains(columns.host, asked.text)))
    return found


def in_state(
    connection: Connection,
    state: InstanceState,
    windows: Sequence[MaintenanceWindow],
    held: Sequence[int] = (),
) -> ColumnElement[bool]:
    """Return that an instance is in a state.

    `windows` are those of maintenance that hold now, `held` the ids of those that the breaker
    holds.
    """
    columns = instances.c
    ids = [item.instance_id for item in windows if item.instance_id is not None]
    tags = [item.tag for item in windows if item.tag is not None]
    if state is InstanceState.SYNCED:
        bad = (InstanceState.NEVER, InstanceState.FAILING, InstanceState.OVERDUE)
        not_well = (in_state(connection, item, ()) for item in (*bad, InstanceState.INACTIVE))
        in_window = in_state(connection, InstanceState.MAINTENANCE, windows)
        return not_(or_(*not_well, in_window))
    conditions: dict[InstanceState, ColumnElement[bool]] = {
        InstanceState.MAINTENANCE: or_(columns.id.in_(ids), has_any_tag(connection, tags)),
        InstanceState.HELD: among(connection, columns.id, held),
        InstanceState.ACTIVE: columns.is_active.is_(True),
        InstanceState.INACTIVE: columns.is_active.is_(False),
        InstanceState.NEVER: columns.last_connected_at.is_(None),
        # Of both there are few, which are read once, and not for each instance.
        InstanceState.FAILING: columns.id.in_(select(streaks.c.instance_id)),
        InstanceState.OVERDUE: columns.id.in_(
            select(states.c.instance_id).where(states.c.stale_since.is_not(None))
        ),
    }
    return conditions[state]
