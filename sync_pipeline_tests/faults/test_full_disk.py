"""A disk without room: one sentence that says so and what to do, and a run that outlives it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import Session, SessionFilter
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.store.store import Store
from workbench.running.system import (
    Fleet,
    environment_of,
    in_environment,
    wait_for,
    worker_of,
)
from workbench.servers.running import free_port
from workbench.servers.small_disk import (
    SmallDisk,
    is_one_sentence_of_a_full_disk,
    small_disk,
)

pytestmark = pytest.mark.long

KIB = 1024
SIZE = 12 * 1024 * KIB
RUN = ("run", "account-sync")
SECONDS_TO_CONNECT = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk with a home directory on it."""
    with small_disk(tmp_path / "disk", SIZE) as disk:
        yield disk


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


class Home:
    """A home directory on a small disk, and commands that are given it."""

    def __init__(self, disk: SmallDisk) -> None:
        self.disk = disk
        self.path = disk.path / "home"
        self.environment = environment_of(self.path, retry_limit=0)
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "sync_pipeline.cli.main", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=240)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return process.returncode, out, err

    def prepare(self, port: int) -> None:
        """Register an instance; its server is at a port of this machine."""
        with in_environment(self.environment):
            fleet = Fleet(self.path)
            now = datetime.now(UTC)
            sealed = fleet.vault.seal(Secret("a-password"))
            fleet.store.registry.put_credential(StoredCredential("c", "u", sealed), now)
            instance = Instance(
                id=0,
                name="x",
                engine=EngineName.POSTGRESQL,
                host="127.0.0.1",
                port=port,
                credential="c",
                tls=TlsOptions(TlsMode.DISABLE),
                timeouts=Timeouts(connect_seconds=SECONDS_TO_CONNECT),
            )
            fleet.store.registry.put_instances([instance], now)
            fleet.store.close()

    def begin(self, server: socket.socket) -> None:
        """Start a run, and wait until it waits for its server."""
        self.process = self.start(*RUN)
        wait_for(lambda: select.select([server], [], [], 0)[0], 90, "a connection")

    def goes_on(self, seconds: float) -> None:
        """Make sure that the run does not end meanwhile."""
        assert self.process is not None
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def outcome(self) -> tuple[str, str | None]:
        """Wait for the end of the run, which failed for its instance; return why it says so."""
        assert self.process is not None
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 1
        assert "Traceback" not in out + err
        session = self.newest()
        assert session.status.is_terminal
        assert session.failed == session.total == 1
        return out, session.error

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.communicate(timeout=120)

    def newest(self) -> Session:
        store = Store.open(f"sqlite:///{self.path / 'sync_pipeline.db'}")
        try:
            return store.sessions.list(SessionFilter(limit=1))[0]
        finally:
            store.close()


def test_without_room_a_sentence_and_with_little_a_run(disk: SmallDisk) -> None:
    """The store can't be read, nor Dagster's storage made; 1.5 MB are enough for a run."""
    home = Home(disk)
    home.prepare(free_port())
    disk.fill()
    for arguments in (RUN, ("up", "--port", str(free_port()))):
        status, _, err = home.run(*arguments)
        assert status == 3
        assert is_one_sentence_of_a_full_disk(err)
    disk.free()
    disk.fill(1_536 * KIB)
    status, out, err = home.run(*RUN)
    assert (status, err) == (1, "")
    assert "refused" in out
    assert home.newest().failed == 1


def test_a_run_that_can_not_be_recorded_ends_in_a_sentence(disk: SmallDisk) -> None:
    """There is room for Dagster's tables, and none for the run."""
    home = Home(disk)
    home.prepare(free_port())
    disk.fill(520 * KIB)
    status, _, err = home.run(*RUN)
    assert status == 3
    assert is_one_sentence_of_a_full_disk(err)


@pytest.fixture
def home_at_work(disk: SmallDisk, silent_server: socket.socket) -> Iterator[Home]:
    """A home in which a run waits for its one server, for some seconds."""
    home = Home(disk)
    home.prepare(silent_server.getsockname()[1])
    home.begin(silent_server)
    yield home
    home.end()


def test_a_run_outlives_a_disk_that_is_full_for_a_while(home_at_work: Home) -> None:
    """It waits, and finishes by itself when there is room: with what happened meanwhile."""
    home_at_work.disk.fill()
    home_at_work.goes_on(SECONDS_TO_CONNECT + 4)
    home_at_work.disk.free()
    said, _ = home_at_work.outcome()
    assert "could not be reached" in said
    assert "the record of each" not in said


def test_a_run_that_dies_on_a_full_disk_is_told_when_there_is_room(home_at_work: Home) -> None:
    """Its process leaves no word, and nobody could write one: its end was never told."""
    home = home_at_work
    with in_environment(home.environment), open_instance() as instance:
        (run,) = instance.get_runs()
        worker = worker_of(instance, run.run_id)
    home.disk.fill()
    os.kill(worker, signal.SIGKILL)
    home.goes_on(2)
    home.disk.free()
    _, error = home.outcome()
    assert "SIGKILL" in str(error)
