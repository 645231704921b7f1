"""One thread looks after all guarded calls of a process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sync_pipeline.engines.wire import links
from sync_pipeline.engines.wire.links import Alarm, Breach, Guard, resolve


def until(look: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not look():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def watchers() -> int:
    return sum(thread.name == "guard" for thread in threading.enumerate())


@pytest.fixture
def link() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
        with one, other:
            one.settimeout(10)
            yield one


def test_many_guards_have_one_thread_that_ends_when_there_are_none(
    link: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_IDLE_SECONDS", 0.1)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(Guard(link, 30))
            stack.enter_context(Alarm(time.monotonic() + 30, link.close))
        assert watchers() == 1
    until(lambda: watchers() == 0)
    with Guard(link, 30):
        assert watchers() == 1


def test_time_that_is_up_breaks_the_call_and_no_other(link: socket.socket) -> None:
    with Guard(link, 30) as patient, Guard(link, 0.05) as guard:
        assert link.recv(1) == b""
        assert guard.breach is Breach.TIME
        assert patient.breach is None


def test_nothing_is_broken_when_the_call_is_over(link: socket.socket) -> None:
    rung: list[int] = []
    at = time.monotonic() + 0.1
    with Guard(link, 0.1), Alarm(at, lambda: rung.append(1)):
        pass
    link.settimeout(0.4)
    with pytest.raises(TimeoutError):
        link.recv(1)
    assert rung == []


def test_an_alarm_that_waits_keeps_no_other_call_unwatched(link: socket.socket) -> None:
    over, rung = threading.Event(), []

    def ring() -> None:
        rung.append(1)
        over.wait(10)

    with Alarm(time.monotonic(), ring), Guard(link, 0.2) as guard:
        assert link.recv(1) == b""
        assert guard.breach is Breach.TIME
    over.set()
    assert rung == [1]


def test_an_address_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert [resolve(host, 1, 1) for host in ("127.0.0.1", "::1")] == [["127.0.0.1"], ["::1"]]
