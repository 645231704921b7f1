"""A look at the store that changes nothing, whatever version made it and however broken it is."""

from __future__ import annotations

import errno
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync_pipeline.model.store_look import StoreLook
from sync_pipeline.store.database import Database, newest_revision
from sync_pipeline.store.masking import masked
from sync_pipeline.store.untouched import file_of, is_alone, state_of, uri_of

LOOKS = 3
"""At a file that somebody writes to meanwhile: by then it is opened beside a writer."""
_STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 20_000
_BUSY_SECONDS = 5.0
_REVISION = "SELECT version_num FROM alembic_version"
_SECRETS = "SELECT secret FROM credentials"
_NEWEST = "SELECT max(started_at) FROM sync_sessions"
_INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
"""Indexes that PostgreSQL does not use (its manual, 53.26, `pg_index`)."""
GIVEN = ("credentials", "instances", "sync_sessions", "console_tokens")
"""Tables that are empty where nobody has given the store anything yet."""
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def look_at(url: str, seconds: float) -> StoreLook:
    """Return what a store is; its database's own check is given so long.

    Raises:
        ConfigurationError: the URL is not one of a supported store.
        StoreUnavailable: the store does not answer.
    """
    until = time.monotonic() + seconds
    database = Database(url, is_read_only=True)
    try:
        if database.is_sqlite:
            return _of_sqlite(Database(url), until)
        return _of_postgresql(database)
    finally:
        database.close()


def _of_sqlite(database: Database, until: float) -> StoreLook:
    path = file_of(database.url)
    found = StoreLook(masked(database.url), newest_revision(), server=sqlite3.sqlite_version)
    try:
        there = path.stat()
        if not stat.S_ISREG(there.st_mode):  # to open a pipe may take for ever
            raise OSError(errno.EINVAL, "it is no file", str(path))
    except (FileNotFoundError, NotADirectoryError):
        return replace(found, is_there=False)
    except OSError as error:
        raise database.unavailable(error) from None
    found = replace(found, size_bytes=there.st_size)
    for _ in range(LOOKS):
        before = state_of(path)
        try:
            read = _read(path, found, until)
        except sqlite3.Error as error:
            raise database.unavailable(error) from None
        if not is_alone(path) or state_of(path) == before:
            break
    return read


def _read(path: Path, found: StoreLook, until: float) -> StoreLook:
    with closing(sqlite3.connect(uri_of(path), uri=True, timeout=_BUSY_SECONDS)) as connection:
        connection.isolation_level = None
        connection.set_progress_handler(
            lambda: int(time.monotonic() > until), _STEPS_BETWEEN_LOOKS_AT_THE_CLOCK
        )
        try:
            connection.execute("BEGIN")
            revision = _first(connection, _REVISION)
            if revision is None:
                return replace(found, revision=None)
            newest = _first(connection, _NEWEST)
            secrets = tuple(str(row[0]) for row in connection.execute(_SECRETS))
            found = replace(
                found, revision=str(revision), secrets=secrets, newest_at=_moment(newest)
            )
            return replace(found, damage=_damage(connection))
        except sqlite3.DatabaseError as error:
            code = error.sqlite_errorcode & 0xFF
            if code == sqlite3.SQLITE_INTERRUPT:
                return replace(found, is_checked=False)
            if code in _DAMAGED:
                return replace(found, damage=str(error))
            raise


def _first(connection: sqlite3.Connection, statement: str) -> Any:
    """Return the first value of a statement; None where its table is not there."""
    table = statement.rpartition(" ")[2]
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if connection.execute(query, (table,)).fetchone() is None:
        return None
    row = connection.execute(statement).fetchone()
    return row and row[0]


def _damage(connection: sqlite3.Connection) -> str:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == "ok" else str(found)


def _moment(text: Any) -> datetime | None:
    """Return a moment as SQLite keeps it, in UTC; None where it is none."""
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks PostgreSQL one thing at a time."""

    database: Database

    def one(self, statement: str) -> Any:
        with self.database.read_once() as connection:
            return connection.exec_driver_sql(statement).scalar()

    def all(self, statement: str) -> list[Any]:
        with self.database.read_once() as connection:
            return [row[0] for row in connection.exec_driver_sql(statement)]


def _of_postgresql(database: Database) -> StoreLook:
    ask = _Asker(database)
    found = StoreLook(
        masked(database.url),
        newest_revision(),
        is_sqlite=False,
        server=str(ask.one("SHOW server_version")),
        is_read_only=bool(ask.one("SELECT pg_is_in_recovery()")),
        size_bytes=int(ask.one("SELECT pg_database_size(current_database())")),
    )
    ahead, error = _clock(lambda: ask.one("SELECT clock_timestamp()"))
    found = replace(found, clock_ahead_seconds=ahead, clock_error_seconds=error)
    revision = database.revision()
    if revision is None:
        return found
    invalid = int(ask.one(_INVALID))
    return replace(
        found,
        revision=revision,
        secrets=tuple(map(str, ask.all(_SECRETS))),
        newest_at=ask.one(_NEWEST),
        damage=f"{invalid} of its indexes are not valid" if invalid else "",
    )


def _clock(asked: Callable[[], datetime]) -> tuple[float, float]:
    """Return how far a clock is ahead of this one, and how wrong that may be, in seconds."""
    began = datetime.now(UTC)
    there = asked()
    ended = datetime.now(UTC)
    half = (ended - began) / 2
    return (there - (began + half)).total_seconds(), half.total_seconds()
