"""How names are written in statements that people run."""

from __future__ import annotations

from sync_pipeline.engines.base import UNWRITABLE
from sync_pipeline.engines.postgresql.text import is_raw, unescaped

NO_CONNECTIONS = "it allows no connections"
UNSPEAKABLE = "its name has bytes that no connection of ours can send"


def quoted(name: str) -> str:
    """Return a name as a quoted identifier, which can't hold NUL (PostgreSQL manual, 4.1.1).

    Nor can a statement for people hold bytes that are no text.
    """
    if "\0" in name or is_raw(name):
        return UNWRITABLE
    return '"' + unescaped(name).replace('"', '""') + '"'


def grant_connect(database: str, username: str) -> str:
    """Return the statement that lets an account into a database."""
    return f"GRANT CONNECT ON DATABASE {quoted(database)} TO {quoted(username)};"


def grant_monitor(username: str) -> str:
    """Return the statement that lets an account measure every database and the logs."""
    return f"GRANT pg_monitor TO {quoted(username)};"
