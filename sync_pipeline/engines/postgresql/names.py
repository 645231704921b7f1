"""How names are written in statements that people run."""

from __future__ import annotations

from sync_pipeline.engines.base import UNWRITABLE


def quoted(name: str) -> str:
    """Return a name as a quoted identifier, which can't hold NUL (PostgreSQL manual, 4.1.1)."""
    if "\0" in name:
        return UNWRITABLE
    return '"' + name.replace('"', '""') + '"'


def grant_connect(database: str, username: str) -> str:
    """Return the statement that lets an account into a database."""
    return f"GRANT CONNECT ON DATABASE {quoted(database)} TO {quoted(username)};"


def grant_monitor(username: str) -> str:
    """Return the statement that lets an account measure every database and the logs."""
    return f"GRANT pg_monitor TO {quoted(username)};"
