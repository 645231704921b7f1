"""What tells one state of a database from another one, for less than reading anything of it."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock

from sqlalchemy import Connection, Engine

# Equal snapshots see the same transactions (PostgreSQL's manual, 9.27, "Transaction ID and
# Snapshot Information"): one that was committed in between is no more among those in progress, or
# before the next one. Another server, as after a failover, was started at another time.
_SNAPSHOT = "SELECT pg_current_snapshot()::text, pg_postmaster_start_time()"
# Tells a connection whether any other one has committed since it asked last (SQLite's manual,
# "PRAGMA data_version").
_VERSION = "PRAGMA data_version"


class Marks:
    """Asks a database for the mark of its state."""

    def __init__(self, engine: Engine, *, is_sqlite: bool) -> None:
        self._engine = engine
        self._is_sqlite = is_sqlite
        # The version is this connection's own: it asks nothing else, and never writes.
        self._connection: Connection | None = None
        self._lock = Lock()

    def now(self) -> Hashable:
        """Return the mark of the state that whoever reads from now on sees, or of an older one."""
        if not self._is_sqlite:
            with self._engine.connect() as connection:
                return self.of(connection)
        with self._lock:
            if self._connection is None:
                self._connection = self._engine.connect()
            driver = self._connection.connection.dbapi_connection
            if driver is None:
                raise RuntimeError("the connection of the marks was closed")
            found: int = driver.cursor().execute(_VERSION).fetchone()[0]
            return found

    def of(self, connection: Connection) -> Hashable:
        """Return the mark of what a connection to PostgreSQL sees: in a view, of this state."""
        return tuple(connection.exec_driver_sql(_SNAPSHOT).one())

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
