"""The event log in SQLite files whose connections are kept: what others see of it."""

from __future__ import annotations

import queue
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry
from sqlalchemy.exc import OperationalError

from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.runtime import event_buffer
from sync_pipeline.orchestration.runtime.event_buffer import (
    BufferedEventLog,
    EventBuffer,
    buffered_events,
)
from sync_pipeline.orchestration.runtime.event_log import MOST_KEPT, KeptSqliteEventLog
from workbench.running.system import environment_of, in_environment

pytestmark = pytest.mark.usefixtures("real_migrations")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with in_environment(environment_of(tmp_path)), open_instance() as instance:
        yield instance


def line(run_id: str, text: str, step_key: str | None = None) -> EventLogEntry:
    return EventLogEntry(
        error_info=None, level=20, user_message=text, run_id=run_id, timestamp=0.0,
        step_key=step_key,
    )  # fmt: skip


def texts(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(run_id)]


@pytest.mark.parametrize("step_key", [None, "a step"])
def test_who_watches_a_run_is_told_while_its_process_goes_on(
    instance: dg.DagsterInstance, step_key: str | None
) -> None:
    run_id = "a-run"
    log = instance.event_log_storage
    log.store_event(line(run_id, "first"))
    heard: queue.Queue[str] = queue.Queue()
    with open_instance() as other:
        other.event_log_storage.watch(
            run_id, None, lambda entry, _cursor: heard.put(entry.user_message)
        )
        with buffered_events(instance):
            log.store_event(line(run_id, "second", step_key))
            assert [heard.get(timeout=10), heard.get(timeout=10)] == ["first", "second"]


def test_more_runs_are_read_than_connections_are_kept(instance: dg.DagsterInstance) -> None:
    log = instance.event_log_storage
    assert isinstance(log, KeptSqliteEventLog)
    runs = [f"run-{number}" for number in range(3 * MOST_KEPT)]
    for run_id in runs:
        log.store_event(line(run_id, run_id))
    assert [texts(instance, run_id) for run_id in runs] == [[run_id] for run_id in runs]
    assert len(log._kept) <= MOST_KEPT


def test_what_is_said_of_the_run_comes_after_what_its_steps_said(
    instance: dg.DagsterInstance,
) -> None:
    log = instance.event_log_storage
    assert isinstance(log, BufferedEventLog)
    with log.buffered():
        log.store_event(line("run", "of a step", "step"))
        log.store_event(line("run", "of the run"))
        log.store_event(line("run", "of a step again", "step"))
    assert texts(instance, "run") == ["of a step", "of the run", "of a step again"]


def test_what_could_not_be_stored_waits_and_is_stored_once() -> None:
    stored: list[object] = []
    fails = True

    def store(rows: object) -> None:
        if fails:
            raise OSError("away")
        assert isinstance(rows, list)
        stored.extend(rows)

    buffer = EventBuffer(store)
    rows = [{"row": number} for number in range(1_200)]
    for row in rows:
        buffer.put(row)
    with pytest.raises(OSError, match="away"):
        buffer.flush()
    fails = False
    buffer.flush()
    buffer.flush()
    assert stored == rows


class FullDisk(EventBuffer):
    """What is stored, on a disk that is full until the end is waited for."""

    def __init__(self) -> None:
        super().__init__(self._store_on_disk)
        self.stored: list[object] = []
        self.tries = 0

    def _store_on_disk(self, rows: Sequence[object]) -> None:
        self.tries += self._ended.is_set()
        if self.tries < 3:
            raise OperationalError("INSERT", None, full())
        self.stored.extend(rows)


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def test_the_end_of_the_steps_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_buffer, "SECONDS_TO_WAIT", 0.01)
    buffer = FullDisk()
    with buffer.storing():
        buffer.put({"row": 1})
    assert (buffer.stored, buffer.tries) == ([{"row": 1}], 3)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(OSError("away"), 60.0), (OperationalError("INSERT", None, full()), 0.0)],
    ids=["no obstacle that ends", "too long"],
)
def test_it_does_not_wait_for_what_has_no_end(
    monkeypatch: pytest.MonkeyPatch, error: Exception, seconds: float
) -> None:
    def store(rows: object) -> None:
        raise error

    monkeypatch.setattr(event_buffer, "SECONDS_TO_BEAR", seconds)
    buffer = EventBuffer(store)
    buffer.put({"row": 1})
    started = time.monotonic()
    with pytest.raises(type(error)):
        buffer.flush_patiently()
    assert time.monotonic() - started < 30
