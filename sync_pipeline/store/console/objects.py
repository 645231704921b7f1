"""Names of databases within a reach, as forms complete them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, select

from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import begins, of_reach
from sync_pipeline.store.database import by_code_points
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import instances
from sync_pipeline.store.sizes.schema import instance_databases as databases


class ObjectNames(OfDatabase):
    """Databases that are there, of instances that were not removed."""

    @remembered
    def databases(self, reach: Reach, beginning: str, most: int) -> list[str]:
        """Return the first names that begin so by code points, each once, with one statement.

        A fleet has few names and each of them often: the next name is sought behind the last one.
        """
        is_sqlite = self._database.is_sqlite
        name = by_code_points(databases.c.database_name, is_sqlite=is_sqlite)
        with self._database.read_once() as connection:
            there = (
                databases.c.is_active.is_(True),
                instances.c.deleted_at.is_(None),
                begins(name, beginning),
                *of_reach(connection, reach, databases.c.instance_id),
            )

            def first(*after: ColumnElement[bool]) -> ScalarSelect[Any]:
                query = select(name).join_from(databases, instances).where(*there, *after)
                return query.order_by(name).limit(1).scalar_subquery()

            names = select(first().label("name")).cte("names", recursive=True)
            last = by_code_points(names.c.name, is_sqlite=is_sqlite)
            following = select(first(name > last).label("name")).where(names.c.name.is_not(None))
            names = names.union_all(following)
            query = select(names.c.name).where(names.c.name.is_not(None)).limit(most)
            return list(connection.scalars(query))
