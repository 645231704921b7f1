"""The metrics' server among clients that are slow, many, loud, or led by a web page."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest

from sync_pipeline.cli import scrape
from sync_pipeline.cli.scrape import MOST_CLIENTS, MOST_THREADS, Kept, MetricsServer, Page

PAGE = Page("x 1\n", is_up=True)
ASK = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
SECONDS_AT_MOST = 20.0


@contextmanager
def serving(
    kept: Kept | None = None, host: str = "127.0.0.1", allowed: Sequence[str] = ()
) -> Iterator[int]:
    with MetricsServer(host, 0, kept or Kept(lambda: PAGE), allowed) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=SECONDS_AT_MOST)


def ask(port: int, host: str | None = "localhost", at: str = "127.0.0.1") -> int:
    connection = http.client.HTTPConnection(at, port, timeout=SECONDS_AT_MOST)
    try:
        connection.putrequest("GET", "/metrics", skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def serving_threads() -> int:
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def until_over(client: socket.socket) -> float:
    """Return how long the server keeps a connection that gets no answer."""
    began = time.monotonic()
    with suppress(ConnectionError):
        while client.recv(65_536):
            pass
    return time.monotonic() - began


def test_a_client_that_drips_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "SECONDS_TO_ASK", 0.5)
    over = threading.Event()

    def drip(client: socket.socket) -> None:
        with suppress(OSError):
            client.sendall(ASK)
            while not over.wait(0.05):
                client.sendall(b"X")

    with serving() as port, connected(port) as client:
        dripping = threading.Thread(target=drip, args=(client,))
        dripping.start()
        assert until_over(client) < SECONDS_AT_MOST
        over.set()
        dripping.join()


def test_idle_clients_make_room_for_one_that_asks() -> None:
    with serving() as port, ExitStack() as stack:
        for _ in range(3 * MOST_THREADS):
            stack.enter_context(connected(port))
        assert ask(port) == 200
        assert serving_threads() <= MOST_THREADS
        assert ask(port) == 200


def test_clients_that_wait_for_a_slow_store_are_bounded() -> None:
    is_there = threading.Event()

    def make() -> Page:
        is_there.wait(SECONDS_AT_MOST)
        return PAGE

    with serving(Kept(make)) as port, ExitStack() as stack:
        for _ in range(3 * MOST_THREADS):
            client = stack.enter_context(connected(port))
            with suppress(ConnectionError):
                client.sendall(ASK + b"\r\n")
        time.sleep(0.2)
        most = serving_threads()
        is_there.set()
        assert MOST_CLIENTS <= most <= MOST_THREADS
        assert any(ask_again(port) == 200 for _ in range(50))


def test_one_that_has_asked_makes_no_room_for_idle_ones() -> None:
    is_asked, is_there = threading.Event(), threading.Event()

    def make() -> Page:
        is_asked.set()
        is_there.wait(SECONDS_AT_MOST)
        return PAGE

    with serving(Kept(make)) as port, ExitStack() as stack:
        client = stack.enter_context(connected(port))
        client.sendall(ASK + b"\r\n")
        assert is_asked.wait(SECONDS_AT_MOST)
        idle = [stack.enter_context(connected(port)) for _ in range(MOST_CLIENTS + 1)]
        assert idle[0].recv(1) == b""
        is_there.set()
        assert client.recv(65_536).startswith(b"HTTP/1.0 200")


def ask_again(port: int) -> int:
    try:
        return ask(port)
    except OSError:
        time.sleep(0.1)
        return 0


def test_a_client_that_takes_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "SECONDS_TO_TAKE", 0.5)
    large = Page("x 1\n" * 8_000_000, is_up=True)
    with serving(Kept(lambda: large)) as port, connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(ASK + b"\r\n")
        deadline = time.monotonic() + SECONDS_AT_MOST
        while not serving_threads() and time.monotonic() < deadline:
            time.sleep(0.02)
        while serving_threads() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert serving_threads() == 0


@pytest.mark.parametrize(
    "sent",
    [
        ASK + b"A: " + b"x" * 60_000 + b"\r\n\r\n",
        ASK + b"".join(b"A%d: %s\r\n" % (n, b"x" * 900) for n in range(90)) + b"\r\n",
        b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01" * 10_000,
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /metrics\r\n\r\n",
    ],
    ids=["long header", "many headers", "long path", "TLS", "POST", "HTTP/0.9"],
)
def test_a_request_that_is_none_gets_no_page(sent: bytes) -> None:
    with serving() as port, connected(port) as client:
        with suppress(ConnectionError):
            client.sendall(sent)
        got = b""
        with suppress(ConnectionError):
            while part := client.recv(65_536):
                got += part
        assert b"x 1\n" not in got
        assert ask(port) == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:9188", 200), ("127.0.0.1:1", 200), ("[::1]:9188", 200),
        ("proxy.example", 200), ("evil.example", 421), ("localhost.evil.example:9188", 421),
        ("127.0.0.1.evil.example", 421), ("", 421), (None, 421), ("localhost:evil", 421),
        ("localhost, evil", 421), ("user@localhost", 421), ("10.0.0.1", 421),
    ],
)  # fmt: skip
def test_at_loopback_only_its_own_names_are_answered(host: str | None, status: int) -> None:
    with serving(allowed=["proxy.example"]) as port:
        assert ask(port, host) == status


def test_two_names_are_none() -> None:
    with serving() as port, connected(port) as client:
        client.sendall(ASK + b"Host: evil.example\r\n\r\n")
        assert b" 421 " in client.recv(65_536)


def test_elsewhere_every_name_is_answered_unless_some_are_named() -> None:
    with serving(host="0.0.0.0") as port:
        assert ask(port, "metrics.example") == 200
    with serving(host="0.0.0.0", allowed=["metrics.example"]) as port:
        assert ask(port, "METRICS.example:9188") == 200
        assert ask(port, "evil.example") == 421
        assert ask(port, "127.0.0.1") == 200
