"""The processes of the console: limits hold over all of them, and each is replaced or ends."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync_pipeline.callers import Refusal
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.doors import MOST_ADDRESSES, MOST_FAILURES
from sync_pipeline.web.workers.board import Board, SharedRoom, SharedShares
from workbench.servers.running import free_port

MOST = 6
LISTENING = "0A"
"""A state of a row in /proc/net/tcp: proc_pid_net(5)."""
_SERVE = """
import logging, sys
from datetime import UTC, datetime
from pathlib import Path
from sync_pipeline.settings import Settings
from sync_pipeline.web.serve import serve
logging.basicConfig(level=logging.INFO, format="%(message)s")
settings = Settings(home=Path(sys.argv[1]), console_processes=2, console_most_of_address=6)
shorter = settings.model_copy(update={"silence_seconds": 3})
serve("127.0.0.1", int(sys.argv[2]), shorter, lambda: datetime.now(UTC))
"""
_KEEP = """
import os, socket, sys, time
from sync_pipeline.web.shares import Clients
from sync_pipeline.web.workers.board import Board
from sync_pipeline.web.workers.keeper import Keeping
def answer(number, line):
    # In one piece, whatever PYTHONUNBUFFERED says: print would write the end of the line apart.
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(600)
listener = socket.create_server(("127.0.0.1", 0))
Keeping(listener, Board(2, 9, 9), 2, answer, Clients(), 9, 600.0).run()
"""


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(item) for item in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    return False


@dataclass
class Served:
    """A console of two processes, in which an address has six connections."""

    process: subprocess.Popen[str]
    port: int

    def workers(self) -> list[int]:
        return children(self.process.pid)

    def ask(self, path: str = "/login", token: str = "") -> tuple[int, http.client.HTTPConnection]:
        """Return the status of an answer, and the connection, which stays open."""
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        made.request("GET", path, headers=headers)
        answer = made.getresponse()
        answer.read()
        return answer.status, made

    def status(self, path: str = "/login", token: str = "") -> int:
        found, connection = self.ask(path, token)
        connection.close()
        return found

    def is_served(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self.status() == 200
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    Store.open(Settings(home=home).effective_store_url).close()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(home), str(port)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    made = Served(process, port)
    try:
        wait_for(made.is_served)
        yield made
    finally:
        process.kill()
        process.wait()


def sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process has."""
    found = set()
    for item in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            name = str(item.readlink())
            found |= {name[8:-1]} if name.startswith("socket:[") else set()
    return found


def connections(served: Served) -> list[int]:
    """Return how many connections each process of the console has."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    here = f"0100007F:{served.port:04X}"
    own = {row[9] for row in rows if row[1] == here and row[3] != LISTENING}
    return [len(sockets(pid) & own) for pid in served.workers()]


def test_connections_are_shared_evenly_and_counted_over_all(served: Served) -> None:
    wait_for(lambda: len(served.workers()) == 2)
    # Those that asked whether it is there are gone first.
    wait_for(lambda: not sum(connections(served)))
    with ExitStack() as kept:
        for _ in range(MOST):
            status, connection = served.ask()
            kept.callback(connection.close)
            assert status == 200
        assert connections(served) == [MOST / 2] * 2
        assert served.status() == 429
    wait_for(served.is_served)


def test_wrong_tokens_are_counted_over_all(served: Served) -> None:
    """Each comes by a connection of its own, and so to the processes in turn."""
    found = [served.status("/api/v1/instances", "wrong") for _ in range(MOST_FAILURES)]
    assert found == [401] * MOST_FAILURES
    assert [served.status("/api/v1/instances", "wrong") for _ in range(2)] == [429] * 2


def test_one_that_is_killed_is_replaced_and_what_it_had_is_free(served: Served) -> None:
    wait_for(lambda: len(served.workers()) == 2)
    kept = [served.ask()[1] for _ in range(MOST)]
    before = served.workers()
    os.kill(before[0], signal.SIGKILL)
    # The other one answers, for as many as the first one had.
    wait_for(served.is_served)
    wait_for(lambda: len(set(served.workers()) - set(before)) == 1)
    assert before[1] in served.workers()
    for connection in kept:
        connection.close()


def test_one_that_hangs_is_replaced(served: Served) -> None:
    wait_for(lambda: len(served.workers()) == 2)
    before = served.workers()
    os.kill(before[1], signal.SIGSTOP)
    wait_for(lambda: before[1] not in served.workers() and len(served.workers()) == 2)
    assert before[0] in served.workers()
    wait_for(served.is_served)


def test_ctrl_c_ends_all_without_a_word_more(served: Served) -> None:
    workers = served.workers()
    os.killpg(served.process.pid, signal.SIGINT)
    _, said = served.process.communicate(timeout=60)
    assert served.process.returncode == 0
    assert not any(map(is_alive, workers))
    first, *rest = said.splitlines()
    assert first == f"The console is at http://127.0.0.1:{served.port}; Ctrl-C ends it."
    assert all("of the console" in line and "Traceback" not in line for line in rest), said


def test_all_end_with_a_keeper_that_is_killed() -> None:
    """Also one that is stopped, which hears of nothing."""
    command = [sys.executable, "-c", _KEEP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        try:
            assert keeper.stdout is not None
            workers = [int(keeper.stdout.readline()) for _ in range(2)]
            os.kill(workers[0], signal.SIGSTOP)
        finally:
            keeper.kill()
    wait_for(lambda: not any(map(is_alive, workers)))


def in_another_process(work: Callable[[], object]) -> None:
    pid = os.fork()
    if not pid:
        with suppress(BaseException):
            work()
        os._exit(0)
    os.waitpid(pid, 0)


@pytest.fixture
def a_board() -> Iterator[Callable[[int], Board]]:
    made: list[Board] = []

    def make(requests: int) -> Board:
        made.append(Board(2, 1, requests))
        return made[-1]

    yield make
    for board in made:
        board.close()


def test_requests_are_counted_over_all(a_board: Callable[[int], Board]) -> None:
    board = a_board(3)
    first, second = (SharedRoom(board.requests, board.turns, number) for number in (1, 2))
    in_another_process(lambda: [second.acquire(blocking=False) for _ in range(2)])
    assert [first.acquire(blocking=False) for _ in range(2)] == [True, False]
    first.release()
    assert first.acquire(blocking=False)
    board.clear(2)
    assert [first.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_shares_of_whom_a_proxy_names_are_counted_over_all(
    a_board: Callable[[int], Board],
) -> None:
    board = a_board(9)
    first, second = (SharedShares(board.shares, board.turns, number, 2) for number in (1, 2))
    in_another_process(lambda: second.take("10.0.0.1"))
    assert [first.take("10.0.0.1") for _ in range(2)] == [True, False]
    assert first.take("10.0.0.2")
    assert all(first.take("") for _ in range(20)), "who is not named is not counted"
    first.give_back("")
    first.give_back("10.0.0.1")
    assert first.take("10.0.0.1")
    board.clear(2)
    assert first.take("10.0.0.1")


def test_failures_are_counted_over_all_forgotten_and_bounded(
    monkeypatch: pytest.MonkeyPatch, a_board: Callable[[int], Board]
) -> None:
    now = [1000.0]
    monkeypatch.setattr("sync_pipeline.web.workers.board.time.monotonic", lambda: now[0])
    failures = a_board(1).failures
    in_another_process(lambda: [failures.note("10.1.0.1") for _ in range(MOST_FAILURES - 1)])
    failures.require_few("10.1.0.1")
    failures.note("10.1.0.1")
    with pytest.raises(Refusal):
        failures.require_few("10.1.0.1")
    failures.require_few("10.1.0.2")
    now[0] += 61
    failures.require_few("10.1.0.1")
    failures.note("10.1.0.1")
    for number in range(MOST_ADDRESSES - 1):
        now[0] += 0.0001
        failures.note(f"10.2.{number // 250}.{number % 250}")
    for _ in range(MOST_FAILURES - 1):
        failures.note("10.1.0.1")
    with pytest.raises(Refusal):
        failures.require_few("10.1.0.1")
    # The oldest one of too many is forgotten.
    now[0] += 1
    for _ in range(MOST_FAILURES):
        failures.note("10.3.0.1")
    failures.require_few("10.2.0.0")
