"""Copies of a home directory: what a process leaves that is killed before each of its writes.

A killed process leaves what it had committed and nothing else: neither its handlers nor its
`finally` run. So a copy of the files, taken before a write, is what a kill at that moment
leaves. One run shows all its moments in that way, and none of them is one of chance.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@dataclass
class Copies:
    """Copies of a directory, in the order of the writes before which they were taken."""

    home: Path
    into: Path
    taken: list[Path] = field(default_factory=list)

    def take(self) -> None:
        copy = self.into / f"{len(self.taken):03}"
        # By another process: SQLite loses its locks of a file that its own process closes.
        subprocess.run(["cp", "-r", str(self.home), str(copy)], check=True)
        self.taken.append(copy)


@contextmanager
def copied_before_each_write(home: Path, into: Path) -> Iterator[list[Path]]:
    """Copy a home before each transaction that writes to its store or to Dagster's storage.

    The writes are those of this thread; no other process may write meanwhile.
    """
    into.mkdir()
    copies = Copies(home, into)
    thread, copying = threading.current_thread(), threading.Lock()

    def before(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if not statement.lstrip().upper().startswith(_WRITES) or connection.info.get("has_begun"):
            return
        with copying:  # the signs of life of another thread wait meanwhile
            if threading.current_thread() is thread:
                copies.take()
        raw: Any = connection.connection.dbapi_connection
        # What is committed by itself is a transaction of one statement.
        is_single = raw.isolation_level is None and not raw.in_transaction
        connection.info["has_begun"] = not is_single

    def end(connection: Connection) -> None:
        connection.info["has_begun"] = False

    hooks = [("before_cursor_execute", before), ("commit", end), ("rollback", end)]
    for name, hook in hooks:
        event.listen(Engine, name, hook)
    try:
        yield copies.taken
    finally:
        for name, hook in hooks:
            event.remove(Engine, name, hook)
