"""One daemon is at work for a store, and a process that gives no sign of life is replaced.

`python -m benchmarks.takeovers` does the first at random moments, a hundred times.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sync_pipeline.model.session import SessionStatus
from sync_pipeline_tests.faults.test_processes import is_alive
from workbench.running.system import (
    System,
    environment_of,
    held,
    running_system,
    up,
    wait_for,
)
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer, free_port

pytestmark = pytest.mark.long

QUICK = {"account_sync_cron": "0 0 1 1 *", "daemon_lease_seconds": 8, "stale_after_seconds": 60}
DAEMON = "dagster._daemon"
SECONDS_TO_TAKE_OVER = 60


@contextmanager
def second(system: System) -> Iterator[System]:
    """Start another `up` in the home of the first."""
    port = free_port()
    other = System(system.fleet, system.environment, port, up(port))
    try:
        other.start()
        yield other
    finally:
        if other.process is not None and other.process.poll() is None:
            other.stop()


def daemon_of(system: System) -> int:
    """Wait for the daemon of a system, and return its process."""
    found = wait_for(lambda: system.service_pid(DAEMON), SECONDS_TO_TAKE_OVER, "a daemon")
    assert found is not None
    return found


def said(system: System, text: str) -> list[str]:
    lines = system.log.read_text(errors="replace").splitlines()
    return [line for line in lines if text in line]


def kill(system: System) -> None:
    assert system.process is not None
    system.process.kill()
    system.process.wait()


def test_two_in_one_home(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer
) -> None:
    """The service and the shell: the second one shows the UI, and takes over from the first."""
    home = tmp_path_factory.mktemp("home")
    with running_system(home, **QUICK) as first, ExitStack() as stack:
        assert first.process is not None
        first.fleet.add("pg", postgresql_server)
        daemon = daemon_of(first)
        release = stack.enter_context(held(postgresql_server))
        with second(first) as other:
            (line,) = wait_for(lambda: said(first, "Standing by"), 20, "one who stands by")
            assert f"process {first.process.pid} on " in line
            # The run goes from its UI into the queue, and is taken out by the one at work.
            run_id = other.launch()
            first.fleet.wait_running(run_id, "pg")
            assert other.service_pid(DAEMON) is None
        # Ctrl-C of who stood by ends no run of the other.
        assert first.status(run_id) == "STARTED"
        other = stack.enter_context(second(first))
        kill(first)
        wait_for(lambda: not is_alive(daemon), 20, "the end of the daemon without a keeper")
        assert is_alive(daemon_of(other))
        assert said(first, "Took over as the daemon at work")
        release()
        assert other.ended_run(run_id) == "SUCCESS"
        session = first.fleet.ended_session(run_id)
        assert session.status is SessionStatus.COMPLETED
        lease = first.fleet.store.daemon_lease.read()
        assert (lease.takeovers, other.process and other.process.pid) == (
            1,
            lease.holder and lease.holder.pid,
        )
        other.stop()
        assert first.fleet.store.daemon_lease.read().holder is None


@pytest.fixture(scope="module")
def store_url(postgresql_server: RunningServer) -> Iterator[str]:
    with store_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Iterator[System]:
    """One machine of a PostgreSQL store."""
    home = tmp_path_factory.mktemp("one")
    with running_system(home, store_url=store_url, silence_seconds=10, **QUICK) as found:
        yield found


def test_what_gives_no_sign_of_life_is_replaced(system: System) -> None:
    words = {"code server": "grpc", "webserver": "--port", "daemon": DAEMON}
    before = {name: process_of(system, word) for name, word in words.items()}
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)

    def are_replaced() -> bool:
        found = {name: system.service_pid(word) for name, word in words.items()}
        return all(pid not in (None, before[name]) for name, pid in found.items())

    wait_for(are_replaced, 120, "the replacement of all three")
    for name, pid in before.items():
        assert not is_alive(pid)
        line = said(system, f"The {name} gave no sign of life for")[0]
        assert "replacing it" in line
    replaced = system.fleet.store.daemon_lease.read().replaced
    assert set(replaced) == set(words)
    wait_for(system.is_loaded, 90, "the new webserver and code server")


def test_one_that_was_frozen_does_no_harm_when_it_wakes_up(
    tmp_path_factory: pytest.TempPathFactory, system: System, store_url: str
) -> None:
    """Two machines; the one at work stands still for a while."""
    first = system
    assert first.process is not None
    home = tmp_path_factory.mktemp("two")
    with running_system(home, store_url=store_url, **QUICK) as other:
        daemon = daemon_of(first)
        for pid in (first.process.pid, daemon):
            os.kill(pid, signal.SIGSTOP)
        daemon_of(other)
        for pid in (daemon, first.process.pid):
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: not is_alive(daemon), 30, "the end of the daemon that woke up")
        wait_for(lambda: said(first, "took over."), 30, "a word of the one that woke up")
        assert first.service_pid(DAEMON) is None
    # The other one has ended with Ctrl-C, and so given its lease back.
    assert is_alive(daemon_of(first))


def process_of(system: System, word: str) -> int:
    found = wait_for(lambda: system.service_pid(word), 60, word)
    assert found is not None
    return found


def test_the_port_of_another_one_is_named(tmp_path: Path) -> None:
    """A second `up` on the same host needs another port, and says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = subprocess.run(
            up(listener.getsockname()[1]),
            env=environment_of(tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.returncode == 2
    assert "--port" in ended.stderr
    assert "stands by" in ended.stderr
    assert "Traceback" not in ended.stderr
