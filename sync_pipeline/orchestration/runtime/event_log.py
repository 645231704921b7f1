"""Dagster's event log with connections that are kept, in SQLite files or in PostgreSQL.

Dagster's own storages connect for every event, SQLite's with a new engine and a commit to the
disk, which is most of what a step costs.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from sync_pipeline.orchestration.made_files import is_made
from sync_pipeline.orchestration.runtime.event_buffer import BufferedEventLog

BUSY_SECONDS = 60
MOST_KEPT = 4
"""A process of a run uses two files, its own and the index; the UI reads those of many runs."""


class KeptSqliteEventLog(BufferedEventLog, SqliteEventLogStorage):
    """The same files and tables as Dagster's, in the same write-ahead mode.

    Several threads of a run write at once; a connection is used by one of them at a time, as
    Dagster's are.
    """

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

    def _stored(self, run_id: str) -> None:
        # The UI watches the file. Its time does not change while what is written stays in the
        # write-ahead file, which is until the connection is closed.
        os.utime(self.path_for_shard(run_id))

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
            if not is_made(self.path_for_shard(shard)):
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


class KeptPostgresEventLog(BufferedEventLog, PostgresEventLogStorage):
    """The same tables as Dagster's; `optimize_for_webserver` lets it keep connections."""
