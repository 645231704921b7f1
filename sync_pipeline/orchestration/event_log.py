"""Dagster's event log in SQLite files, with connections that are kept.

Dagster's own opens an engine, connects, commits to the disk and closes again for every event,
which is most of what a step costs. Several threads of a run write at once; the connections
are used by one of them at a time, as Dagster's are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

BUSY_SECONDS = 60
MOST_KEPT = 4
"""A process of a run uses two files, its own and the index; the UI reads those of many runs."""


class KeptSqliteEventLog(SqliteEventLogStorage):
    """The same files and tables as Dagster's, in the same write-ahead mode."""

    def __init__(self, base_dir: str) -> None:
        # By file; before the rest, which connects.
        self._kept: OrderedDict[str, Connection] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            connection = self._kept.get(shard) or self._open(shard)
            self._kept.move_to_end(shard)
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                self._close(shard)
                raise

    def dispose(self) -> None:
        """Close what was kept."""
        with self._db_lock:
            for shard in list(self._kept):
                self._close(shard)
        super().dispose()

    def wipe(self) -> None:
        """Remove every file."""
        with self._db_lock:
            for shard in list(self._kept):
                self._close(shard)
        super().wipe()

    def _open(self, shard: str) -> Connection:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=NullPool,
            # Used by any thread, by one at a time.
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        connection = engine.connect()
        # Write-ahead: a killed process loses nothing, only a power failure the last moments.
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
        connection.rollback()
        self._kept[shard] = connection
        while len(self._kept) > MOST_KEPT:
            self._close(next(iter(self._kept)))
        return connection

    def _close(self, shard: str) -> None:
        connection = self._kept.pop(shard)
        connection.close()
        connection.engine.dispose()
