"""The names of instances, read without SQLAlchemy: a shell waits for them at each press of Tab."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

BUSY_SECONDS = 0.3
_SQL = (
    "SELECT name FROM instances WHERE deleted_at IS NULL AND substr(name, 1, {0}) = {1} "
    "ORDER BY name LIMIT {2}"
)


def read_names(url: str, beginning: str, most: int) -> list[str]:
    """Return names that begin so, in order. It makes no store, no table and no file.

    Raises:
        Exception: whatever the driver says; there is no store, or it is busy.
    """
    values = (len(beginning), beginning, most)
    scheme, _, path = url.partition(":///")
    if scheme in ("sqlite", "sqlite+pysqlite"):
        return _from_sqlite(path, values)
    return _from_postgresql(url, values)


def _from_sqlite(path: str, values: Sequence[object]) -> list[str]:
    file = path.partition("?")[0].removeprefix("file:")
    uri = f"file:{quote(str(Path(file).absolute()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
        rows = connection.execute(_SQL.format("?", "?", "?"), values)
        return [row[0] for row in rows]


def _from_postgresql(url: str, values: Sequence[object]) -> list[str]:
    import psycopg  # noqa: PLC0415 - not for SQLite

    # libpq reads a URL as SQLAlchemy writes it (its manual, 34.1.1.2), but for the driver's name.
    conninfo = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(conninfo, connect_timeout=2) as connection:
        connection.execute("SET statement_timeout = 1000")
        rows = connection.execute(_SQL.format("%s", "%s", "%s"), values).fetchall()
        return [str(row[0]) for row in rows]
