"""Whatever dies, the session and every record end true, within a bounded time."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from sync_pipeline.model.session import RecordStatus, Session, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from workbench.running.system import System, held, quick_up, running_system, wait_for
from workbench.servers.running import RunningServer, freeze

pytestmark = pytest.mark.long

NEVER = "0 0 1 1 *"
KILLED = "The process of the run ended without a word: it was ended by signal 9 (SIGKILL)"
IN_THE_UI = "The run was cancelled: somebody ended it in the UI"
BY_UP = "The run was cancelled, because `sync-pipeline up` was stopped."


@pytest.fixture(scope="module", params=["multiprocess", "threaded"])
def system(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[System]:
    home = tmp_path_factory.mktemp("faults")
    with running_system(
        home,
        quick_up,
        account_sync_cron=NEVER,
        retry_base_seconds=0.2,
        step_concurrency=2,
        executor=request.param,
        stale_after_seconds=10,
    ) as system:
        yield system


with_threads = pytest.mark.parametrize("system", ["threaded"], indirect=True)
"""For what no executor has a part in."""
with_processes = pytest.mark.parametrize("system", ["multiprocess"], indirect=True)
"""For what only a process of its own has: with threads, a step dies with its worker."""


@pytest.fixture(autouse=True)
def _empty_fleet(system: System) -> None:
    system.fleet.deactivate_all()


@pytest.fixture
def run_id(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> Iterator[str]:
    """A run that has synced `quick` and hangs in `stuck`, on a lock of its server."""
    system.fleet.add("stuck", postgresql_server)
    system.fleet.add("quick", mariadb_server)
    with held(postgresql_server):
        run_id = system.launch()
        system.fleet.wait_running(run_id, "stuck")

        wait_quick(system, run_id)
        yield run_id


def wait_quick(system: System, run_id: str) -> None:
    def is_done() -> bool:
        record = system.fleet.record(run_id, "quick")
        return record is not None and record.status is RecordStatus.COMPLETED

    wait_for(is_done, 60, "the sync of quick")


def expect(
    system: System, run_id: str, status: SessionStatus, stuck: RecordStatus, why: str
) -> Session:
    session = system.fleet.ended_session(run_id, 60)
    assert session.status is status
    record = system.fleet.record(run_id, "stuck")
    assert record is not None
    assert record.status is stuck
    for said in (record.error_message or "", session.error or ""):
        assert why in said
        assert "re-execute it from failure in the UI" in said
    quick = system.fleet.record(run_id, "quick")
    assert quick is not None
    assert quick.status is RecordStatus.COMPLETED
    return session


@with_processes
def test_step_killed(system: System, run_id: str) -> None:
    os.kill(system.step_pid(run_id, "stuck"), signal.SIGKILL)
    assert system.ended_run(run_id) == "FAILURE"
    why = "The process of stuck ended without a word: it was ended by signal 9 (SIGKILL)"
    expect(system, run_id, SessionStatus.FAILED, RecordStatus.FAILED, why)


def test_run_terminated(system: System, run_id: str) -> None:
    system.terminate(run_id)
    assert system.ended_run(run_id) == "CANCELED"
    expect(system, run_id, SessionStatus.CANCELLED, RecordStatus.CANCELLED, IN_THE_UI)


@with_processes
def test_worker_killed_and_its_orphan_comes_too_late(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    system.fleet.add("stuck", postgresql_server)
    system.fleet.add("quick", mariadb_server)
    with held(postgresql_server) as release:
        run_id = system.launch()
        system.fleet.wait_running(run_id, "stuck")
        wait_quick(system, run_id)
        orphan = system.step_pid(run_id, "stuck")
        os.kill(system.worker_pid(run_id), signal.SIGKILL)
        assert system.ended_run(run_id) == "FAILURE"
        expect(system, run_id, SessionStatus.FAILED, RecordStatus.FAILED, KILLED)
        before = system.fleet.store.sessions.records(run_id)
        assert is_alive(orphan)
        release()
        wait_for(lambda: not is_alive(orphan), 60, "the end of the orphaned step")
    assert system.fleet.store.sessions.records(run_id) == before
    executed_again_without_files(system, run_id)


@with_threads
def test_worker_killed(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    system.fleet.add("stuck", postgresql_server)
    system.fleet.add("quick", mariadb_server)
    with held(postgresql_server):
        run_id = system.launch()
        system.fleet.wait_running(run_id, "stuck")
        wait_quick(system, run_id)
        os.kill(system.worker_pid(run_id), signal.SIGKILL)
        assert system.ended_run(run_id) == "FAILURE"
        expect(system, run_id, SessionStatus.FAILED, RecordStatus.FAILED, KILLED)
    executed_again_without_files(system, run_id)


@with_processes
def test_what_no_process_had_begun_is_done_from_failure(
    system: System, postgresql_server: RunningServer
) -> None:
    names = {"one", "two", "three", "four", "five"}
    for name in names:
        system.fleet.add(name, postgresql_server)
    with held(postgresql_server):
        run_id = system.launch()
        system.fleet.wait_at_work(run_id, 2)
        system.kill_run(run_id)
        assert system.ended_run(run_id) == "FAILURE"
        assert system.fleet.ended_session(run_id).failed == len(names)
    again = system.execute_again(run_id)
    assert system.ended_run(again) == "SUCCESS"
    session = system.fleet.ended_session(run_id)
    assert (session.status, session.successful) == (SessionStatus.COMPLETED, len(names))


def executed_again_without_files(system: System, run_id: str) -> None:
    """Execute a failed run again as on another machine, or in another container."""
    files = system.fleet.home / "dagster" / "storage"
    if files.exists():  # threads leave none
        shutil.rmtree(files)
    again = system.execute_again(run_id)
    assert system.ended_run(again) == "SUCCESS"
    assert system.fleet.ended_session(run_id).status is SessionStatus.COMPLETED


@with_threads
def test_worker_and_code_server_killed(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    system.fleet.add("stuck", postgresql_server)
    system.fleet.add("quick", mariadb_server)
    with held(postgresql_server):
        run_id = system.launch()
        system.fleet.wait_running(run_id, "stuck")
        wait_quick(system, run_id)
        code_server = system.service_pid("grpc")
        assert code_server is not None
        for pid in {code_server, system.worker_pid(run_id), system.step_pid(run_id, "stuck")}:
            os.kill(pid, signal.SIGKILL)
        assert system.ended_run(run_id, 120) == "FAILURE"
        expect(system, run_id, SessionStatus.FAILED, RecordStatus.FAILED, "is gone")
    # The code server was started again, so the next run works.
    wait_for(lambda: system.service_pid("grpc") not in (None, code_server), 30, "a new server")
    next_run = launched_again(system)
    assert system.ended_run(next_run) == "SUCCESS"
    assert system.fleet.ended_session(next_run).status is SessionStatus.COMPLETED


@with_threads
def test_instance_removed_during_the_run(system: System, postgresql_server: RunningServer) -> None:
    for name in ("stuck", "also-stuck", "waiting"):  # the order of a run is one of chance
        system.fleet.add(name, postgresql_server)

    def pending(run_id: str) -> list[str]:
        """Return who still waits, once as many are at work as one run syncs at once."""
        found = system.fleet.store.sessions.records(run_id)
        waiting = [item.instance_name for item in found if item.status is RecordStatus.PENDING]
        return waiting if len(found) - len(waiting) == 2 else []

    with held(postgresql_server):
        run_id = system.launch()
        (waiting,) = wait_for(lambda: pending(run_id), 60, "the sync of two instances")
        system.fleet.store.registry.delete_instance(waiting, datetime.now(UTC))
    assert system.ended_run(run_id) == "SUCCESS"
    assert system.fleet.ended_session(run_id).status is SessionStatus.COMPLETED
    record = system.fleet.record(run_id, waiting)
    assert record is not None
    assert record.status is RecordStatus.SKIPPED
    assert "removed" in (record.error_message or "")


@with_threads
def test_a_run_cancelled_in_the_queue_leaves_a_session(system: System) -> None:
    daemon = system.service_pid("dagster._daemon")
    assert daemon is not None
    freeze_between_writes(daemon, system.fleet.home / "dagster")
    try:
        run_id = system.launch()
        system.terminate(run_id)
        assert system.status(run_id) == "CANCELED"
    finally:
        os.kill(daemon, signal.SIGCONT)

    def is_recorded() -> bool:
        return system.fleet.store.sessions.get(run_id) is not None

    wait_for(is_recorded, 60, "the record of a run that never began")
    session = system.fleet.ended_session(run_id, 1)
    assert (session.status, session.total) == (SessionStatus.CANCELLED, 0)
    assert f"{IN_THE_UI}, or through its API, before it began" in (session.error or "")


def freeze_between_writes(pid: int, directory: Path) -> None:
    """Freeze a process where it holds no lock of an SQLite file: the others must go on."""

    def is_frozen() -> bool:
        freeze(pid)
        if all(map(is_writable, directory.rglob("*.db"))):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    wait_for(is_frozen, 60, "a moment without a write")


def is_writable(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=0.5, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
    return True


def launched_again(system: System) -> str:
    """Launch once the webserver has found the new code server."""
    wait_for(system.is_loaded, 60, "the new code server")
    return system.launch()


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended may wait for a parent that never asks."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not stat.rpartition(") ")[2].startswith("Z")


def test_stopping_the_system_cancels_what_runs(system: System, run_id: str) -> None:
    """The last test of a system: nothing starts it again."""
    system.stop()
    expect(system, run_id, SessionStatus.CANCELLED, RecordStatus.CANCELLED, BY_UP)
    with open_instance() as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is DagsterRunStatus.CANCELED
