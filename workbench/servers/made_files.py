"""Makes Dagster's empty files as the first of each kind was made.

Dagster works for a quarter of a second of CPU until an empty home has its tables, nearly all of it
to read its migrations. So it does that once in a process of tests, and what it made is copied for
the other homes and runs. A file that is there is Dagster's to look at, and so are all in a test
that asks for `real_migrations`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Engine

from sync_pipeline.orchestration import storage


class Copied:
    """What the first of each kind of Dagster's files was, once it had its tables."""

    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    def make(self, kind: str, file: Path, make: Callable[[], None]) -> None:
        """Make a file, by copying what another of its kind was."""
        if kind in self._made and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            part.write_bytes(self._made[kind])
            with suppress(FileExistsError):  # another one was quicker
                os.link(part, file)
            part.unlink()
            return
        is_first = not file.exists()
        make()
        if is_first and not file.with_name(f"{file.name}-wal").exists():
            self._made[kind] = file.read_bytes()


_COPIED = Copied()


def make_tables(base_dir: str) -> None:
    """Stand in for `storage._make_tables`."""
    Path(base_dir).mkdir(parents=True, exist_ok=True)
    runs = Path(storage._runs_directory(base_dir), "runs.db")
    schedules = Path(storage._schedule_directory(base_dir), "schedules.db")
    for kind, file in (("runs", runs), ("schedules", schedules)):
        _COPIED.make(kind, file, lambda: REAL_TABLES(base_dir))


def make_events(self: SqliteEventLogStorage, engine: Engine, for_index_shard: bool = False) -> None:
    """Stand in for `_initdb` of the event log: the index, and a file for each run."""
    file = Path(str(engine.url.database))
    _COPIED.make("events", file, lambda: REAL_EVENTS(self, engine, for_index_shard))


REAL_TABLES, REAL_EVENTS = storage._make_tables, SqliteEventLogStorage._initdb
storage._make_tables = make_tables
SqliteEventLogStorage._initdb = make_events  # type: ignore[method-assign]


def undo(patch: pytest.MonkeyPatch) -> None:
    """Let Dagster make all its files."""
    patch.setattr(storage, "_make_tables", REAL_TABLES)
    patch.setattr(SqliteEventLogStorage, "_initdb", REAL_EVENTS)
