"""Failure streaks: how often in a row an instance was not reached, by category."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, select

from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.store.database import inserting
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import failure_streaks as streaks

_KEY = ("instance_id", "sync_category")


class StreakStore(OfDatabase):
    """The table of streaks. An instance that is reached has no row."""

    @remembered
    def all(self, category: SyncCategory | None = None) -> list[Streak]:
        """Return the streaks of one category, or all of them, in one statement."""
        query = select(streaks)
        if category is not None:
            query = query.where(streaks.c.sync_category == str(category))
        with self._database.read() as connection:
            return [
                Streak(
                    row.instance_id,
                    SyncCategory(row.sync_category),
                    row.failures,
                    row.last_failed_at,
                    row.error_kind,
                    row.error_message,
                )
                for row in connection.execute(query)
            ]

    def lengthen(self, failed: Streak, session_id: str) -> None:
        """Count one failure more, whatever `failed` counts; once for each session."""
        with self._database.write() as connection:
            lengthen(connection, failed, session_id)

    def end(self, instance_id: int, category: SyncCategory) -> None:
        """Forget the streak of an instance that was reached."""
        with self._database.write() as connection:
            connection.execute(
                delete(streaks).where(
                    streaks.c.instance_id == instance_id,
                    streaks.c.sync_category == str(category),
                )
            )


def lengthen(connection: Connection, failed: Streak, session_id: str) -> None:
    """Count a failure within a caller's transaction; see `StreakStore.lengthen`."""
    statement = inserting(connection, streaks).values(
        instance_id=failed.instance_id,
        sync_category=str(failed.category),
        failures=1,
        last_failed_at=failed.last_failed_at,
        session_id=session_id,
        error_kind=failed.error_kind,
        error_message=failed.error_message,
    )
    new = statement.excluded
    is_counted = streaks.c.session_id == new.session_id
    changes = {
        "failures": streaks.c.failures + case((is_counted, 0), else_=1),
        "last_failed_at": new.last_failed_at,
        "session_id": new.session_id,
        "error_kind": new.error_kind,
        "error_message": new.error_message,
    }
    connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes))
