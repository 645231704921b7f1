"""What containers ask each minute: whether ports answer and a daemon is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sync_pipeline.cli.health import require_daemon
from sync_pipeline.errors import SyncError
from sync_pipeline.model.daemon_lease import Holder
from sync_pipeline.store.store import Store
from workbench.benches.command import Command
from workbench.servers.running import free_port

ONE = Holder("11111111-1111-4111-8111-111111111111", "db-a", 17, 3.0)


class Refusing(BaseHTTPRequestHandler):
    """Answers that it does not answer, which is an answer."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        self.send_error(403)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Say nothing."""


@pytest.fixture
def served() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_port_that_answers_is_well(command: Command, served: ThreadingHTTPServer) -> None:
    port = served.server_port
    said = command.ok("health", "--no-daemon", "--port", str(port)).out
    assert said == f"port {port} answers.\n"
    assert served.asked == [("/server_info", f"localhost:{port}")]  # type: ignore[attr-defined]


def test_a_port_that_does_not_answer_is_not(command: Command, served: ThreadingHTTPServer) -> None:
    ports = ("--port", str(served.server_port), "--port", str(free_port()))
    found = command.run("health", "--no-daemon", *ports)
    assert found.status == 3
    assert "Nothing answers on port" in found.err


def test_without_a_daemon_it_is_not_well(command: Command, served: ThreadingHTTPServer) -> None:
    found = command.run("health", "--port", str(served.server_port))
    assert found.status == 3
    assert "No daemon is at work." in found.err


class Steps:
    """A clock that goes on while one sleeps, and what happens meanwhile."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.now, self._meanwhile = 0.0, meanwhile

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._meanwhile()


def test_a_daemon_is_at_work_whose_lease_is_renewed(store: Store) -> None:
    lease = store.daemon_lease
    lease.take(lease.read(), ONE)
    steps = Steps(lambda: steps.now > 1 and lease.renew(ONE))
    require_daemon(lease.read, steps.clock, steps.sleep)
    assert 1 < steps.now < ONE.lease_seconds


def test_a_daemon_that_is_frozen_is_told(store: Store) -> None:
    lease = store.daemon_lease
    lease.take(lease.read(), ONE)
    steps = Steps(lambda: None)
    with pytest.raises(SyncError, match=r"no sign of life: process 17 on db-a") as told:
        require_daemon(lease.read, steps.clock, steps.sleep)
    assert told.value.hint is not None
    assert steps.now > ONE.lease_seconds
