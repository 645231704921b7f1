"""The events of a run's steps reach the event log together, a few times a second.

Each event costs its own statement and commit otherwise: with many steps at once that is most
of what Dagster adds to them. Only events and log lines of steps wait, and only while a run
executes them in this process; what is said of the run itself is stored at once, after all that
came before. A process that is killed loses what its steps said in the last moment. Their
records are in the store by then, and the run is found dead by its missing end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import dagster as dg
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from sqlalchemy.exc import SQLAlchemyError

from sync_pipeline.files.obstacles import obstacle_of

SECONDS_TO_WAIT = 0.25
SECONDS_TO_BEAR = 60.0
"""How long a run waits for room for its event log, as `sync-pipeline run` does."""
MOST_AT_ONCE = 500
"""Rows of one statement, so that it stores all or nothing."""
MOST_UNSTORED = 50_000
_LOG = logging.getLogger(__name__)
_NOT_BUFFERED = ASSET_EVENTS | ASSET_CHECK_EVENTS

EventRow = Mapping[str, Any]


class EventBuffer:
    """Rows that wait to be stored, in the order in which they came."""

    def __init__(self, store: Callable[[Sequence[EventRow]], None]) -> None:
        self._store = store
        self._rows: list[EventRow] = []
        self._changing = threading.Lock()
        self._storing = threading.Lock()
        self._ended = threading.Event()

    def put(self, row: EventRow) -> None:
        """Let a row wait; store at once where too many do, because none could be stored."""
        with self._changing:
            self._rows.append(row)
            is_full = len(self._rows) > MOST_UNSTORED
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Store all that came so far. Where that fails, what was not stored waits on."""
        with self._storing:
            with self._changing:
                count = len(self._rows)
            while count > 0:
                with self._changing:
                    batch = self._rows[: min(count, MOST_AT_ONCE)]
                self._store(batch)
                with self._changing:
                    del self._rows[: len(batch)]
                count -= len(batch)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Store a few times a second within the block, and the rest at its end."""
        thread = threading.Thread(target=self._store_often, name="event buffer", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self.flush_patiently()

    def flush_patiently(self) -> None:
        """Store all that came so far, and wait where something is in the way of the files.

        A disk may have room soon, and a run's process that gave up here could not say either how
        its run ended.
        """
        deadline = time.monotonic() + SECONDS_TO_BEAR
        while True:
            try:
                self.flush()
                return
            except (SQLAlchemyError, OSError) as error:
                if obstacle_of(error) is None or time.monotonic() > deadline:
                    raise
            time.sleep(SECONDS_TO_WAIT)

    def _store_often(self) -> None:
        while not self._ended.wait(SECONDS_TO_WAIT):
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001 - tried again; the run's end raises it
                _LOG.warning("The event log does not answer: %s", type(error).__name__)


class BufferedEventLog(SqlEventLogStorage):
    """An event log whose step events can wait; mixed into the storages of SQLite and PostgreSQL."""

    _buffer: EventBuffer | None = None

    @contextmanager
    def buffered(self) -> Iterator[None]:
        """Let the events of steps wait within the block."""
        buffer = EventBuffer(self._store_rows)
        with buffer.storing():
            self._buffer = buffer
            try:
                yield
            finally:
                self._buffer = None

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, or let it wait."""
        if self._buffer is not None and _can_wait(event):
            self._buffer.put(self._event_to_row(event))
            return
        if self._buffer is not None:
            self._buffer.flush_patiently()
        super().store_event(event)
        self._stored(event.run_id)

    def _store_rows(self, rows: Sequence[EventRow]) -> None:
        for run_id in dict.fromkeys(row["run_id"] for row in rows):
            of_run = [dict(row) for row in rows if row["run_id"] == run_id]
            with self.run_connection(run_id) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), of_run)
            self._stored(run_id)

    def _stored(self, run_id: str) -> None:
        """Let those know who watch a run's events, where the database does not."""


@contextmanager
def buffered_events(instance: dg.DagsterInstance) -> Iterator[None]:
    """Let the events of steps wait within the block, where the instance's storage is ours."""
    storage = instance.event_log_storage
    with storage.buffered() if isinstance(storage, BufferedEventLog) else nullcontext():
        yield


def _can_wait(event: EventLogEntry) -> bool:
    if event.step_key is None:
        return False
    return event.dagster_event is None or event.dagster_event.event_type not in _NOT_BUFFERED
