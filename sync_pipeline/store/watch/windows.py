"""Maintenance windows of instances and tags."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.maintenance import MaintenanceWindow, NewWindow
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import instances
from sync_pipeline.store.schema import maintenance_windows as windows


class MaintenanceStore:
    """The table of windows. One that is over stays, as what happened."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, new: NewWindow) -> int:
        """Write a window and return its number."""
        with self._database.write() as connection:
            statement = insert(windows).values(
                instance_id=new.instance_id,
                tag=new.tag,
                starts_at=new.starts_at,
                ends_at=new.ends_at,
                reason=new.reason,
                created_by=new.created_by,
            )
            return int(connection.scalars(statement.returning(windows.c.id)).one())

    def active(self, now: datetime) -> list[MaintenanceWindow]:
        """Return the windows that hold now, the first to end first."""
        return [window for window in self.list(now) if window.is_active(now)]

    def list(self, ending_after: datetime | None = None) -> list[MaintenanceWindow]:
        """Return the windows that end later than a moment, or all, the first to end first."""
        query = (
            select(windows, instances.c.name.label("instance_name"))
            .outerjoin(instances, instances.c.id == windows.c.instance_id)
            .order_by(windows.c.ends_at, windows.c.id)
        )
        if ending_after is not None:
            query = query.where(windows.c.ends_at > ending_after)
        with self._database.read() as connection:
            return [_window(row) for row in connection.execute(query)]

    def end(self, window_id: int, now: datetime) -> MaintenanceWindow:
        """End a window before its time and return it.

        Raises:
            ConfigurationError: there is no such window, or it is over already.
        """
        with self._database.write() as connection:
            done = connection.execute(
                update(windows)
                .where(
                    windows.c.id == window_id,
                    windows.c.ended_at.is_(None),
                    windows.c.ends_at > now,
                )
                .values(ended_at=now)
            )
            if done.rowcount == 0:
                raise ConfigurationError(
                    f"No maintenance window with the number {window_id} is open.",
                    hint="See: sync-pipeline maintenance list.",
                )
            row = connection.execute(
                select(windows, instances.c.name.label("instance_name"))
                .outerjoin(instances, instances.c.id == windows.c.instance_id)
                .where(windows.c.id == window_id)
            ).one()
            return _window(row)


def _window(row: Row[Any]) -> MaintenanceWindow:
    return MaintenanceWindow(
        id=row.id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        reason=row.reason,
        instance_id=row.instance_id,
        instance_name=row.instance_name,
        tag=row.tag,
        created_by=row.created_by,
        ended_at=row.ended_at,
    )
