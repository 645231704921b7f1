"""The connections that a process keeps to the store."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 60
MOST_CONNECTIONS = 4
"""To PostgreSQL, of one process. Its threads share one interpreter, and a transaction is mostly
work for it: with more at once they, and the server, mostly wait for each other."""
TRUSTED_SECONDS = 1.0
"""A connection that was used so lately is not tried before it is used again."""
LEASE_CONNECT_SECONDS = 5
# Names are exact: LIKE tells capital letters from small ones, as PostgreSQL does.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "case_sensitive_like=ON",
)


_READING = ("query_only=ON", "case_sensitive_like=ON")
READING_SECONDS = 30
"""After which PostgreSQL ends a statement of who only reads."""
IDLE_SECONDS = 300
"""After which it ends a transaction of one who asks nothing in it: as long as it is open, nothing
that was deleted since is cleared away. A page takes a tenth of it at most."""


def sqlite_engine(url: URL, *, is_read_only: bool = False) -> Engine:
    """Return an engine with as many connections as threads: no read waits for another one's."""
    pragmas = _READING if is_read_only else _PRAGMAS
    if is_read_only and "uri" not in url.query:
        # SQLite's manual, "Uniform Resource Identifiers", 3.3.
        file = f"file:{quote(str(url.database))}"
        url = url.set(database=file).update_query_dict({"mode": "ro", "uri": "true"})
    engine = create_engine(url, max_overflow=-1, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions on its own: `write` and `read` do.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def postgresql_engine(url: URL, *, is_read_only: bool = False) -> Engine:
    """Return an engine with a few connections, for which threads take turns."""
    from psycopg.types.array import ListBinaryDumper  # noqa: PLC0415 - not for SQLite

    engine = create_engine(
        url,
        pool_size=MOST_CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        connect_args={"connect_timeout": 10, "application_name": "sync_pipeline"},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        if is_read_only:
            _only_read(connection)
        # As text, each quotation mark of each JSON value in an array is escaped in Python.
        connection.adapters.register_dumper(list, ListBinaryDumper)

    @event.listens_for(engine, "checkin")
    def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _require_alive(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        used_at = entry.info.get("used_at")
        if used_at is None or time.monotonic() - used_at < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # The pool replaces it, and every other connection from before.
            raise InvalidatePoolError from error

    return engine


def _only_read(connection: Any) -> None:
    """Let a session change nothing (PostgreSQL's manual, 20.11.1) and end what takes long."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        cursor.execute(f"SET statement_timeout = '{READING_SECONDS}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        # Pages are of few rows, and many are asked at once: to compile a plan or to begin another
        # process takes longer than what is saved by it (the manual, 30.2 and 15.2).
        cursor.execute("SET jit = off")
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        # They are here and there, and in memory for the most part: at the default, which is that of
        # a disk (20.7.2), a page of few accounts goes through all of them.
        cursor.execute("SET random_page_cost = 1.1")
    connection.commit()


def lease_engine(url: URL) -> Engine:
    """Return an engine with one connection, which soon notices that the server is gone.

    A machine that lost its power sends no end of its connections; the kernel asks after it.
    """
    return create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=LEASE_CONNECT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": LEASE_CONNECT_SECONDS,
            "keepalives": 1,
            "keepalives_idle": 4,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "tcp_user_timeout": 8000,
            "application_name": "sync_pipeline lease",
        },
    )


def close_engine(engine: Engine) -> None:
    """Close every connection; one that a thread still uses is closed when it is given back.

    By itself the pool would leave that one to the garbage collector.
    """

    @event.listens_for(engine, "checkin")
    def _end(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.close()

    engine.dispose()
