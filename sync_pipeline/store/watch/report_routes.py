"""Which reports were mailed, and who is at one: each is sent by one process at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, update

from sync_pipeline.model.report_route import RouteState
from sync_pipeline.store.database import Database, insert_new
from sync_pipeline.store.watch.report_schema import report_routes as routes


class ReportRouteStore:
    """The table of routes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self) -> dict[str, RouteState]:
        """Return what is remembered of each route, by its name."""
        with self._database.read_once() as connection:
            return {
                row.name: RouteState(
                    row.due_at, row.until_at, row.not_before, row.tries, row.problem
                )
                for row in connection.execute(select(routes))
            }

    def begin(self, name: str, due_at: datetime) -> None:
        """Remember a new route, whose last report was due before it was there."""
        row = {"name": name, "due_at": due_at, "tries": 0, "problem": ""}
        with self._database.write() as connection:
            insert_new(connection, routes, row)

    def forget(self, names: Sequence[str]) -> None:
        """Forget routes that are not there any more."""
        with self._database.write() as connection:
            connection.execute(delete(routes).where(routes.c.name.in_(names)))

    def claim(self, name: str, due_at: datetime, now: datetime, until: datetime) -> bool:
        """Return whether the caller is to send the report of a moment; nobody else does `until`."""
        is_free = or_(routes.c.not_before.is_(None), routes.c.not_before <= now)
        claimed = (
            update(routes)
            .where(routes.c.name == name, routes.c.due_at < due_at, is_free)
            .values(not_before=until, tries=routes.c.tries + 1)
        )
        with self._database.write() as connection:
            return connection.execute(claimed).rowcount == 1

    def sent(self, name: str, due_at: datetime, until_at: datetime) -> None:
        """Remember that the report of a moment was sent, and until when it tells."""
        values = {"due_at": due_at, "until_at": until_at, "not_before": None, "tries": 0}
        self._put(name, {**values, "problem": ""})

    def failed(self, name: str, not_before: datetime, problem: str) -> None:
        """Remember that a report was not sent, why, and when it is tried again."""
        self._put(name, {"not_before": not_before, "problem": problem})

    def _put(self, name: str, values: dict[str, object]) -> None:
        with self._database.write() as connection:
            connection.execute(update(routes).where(routes.c.name == name).values(values))
