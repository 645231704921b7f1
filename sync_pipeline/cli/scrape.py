"""The page that Prometheus reads: computed when asked, and kept for a few seconds."""

from __future__ import annotations

import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

_LOG = logging.getLogger(__name__)
SECONDS_KEPT = 5.0
PATH = "/metrics"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
SECONDS_TO_ASK = 10.0
"""For the whole request, however slowly it comes."""
SECONDS_TO_TAKE = 30.0
"""For the whole answer."""
MOST_BYTES = 16_384
"""Of a request, with its headers."""
MOST_CLIENTS, MOST_THREADS = 16, 32
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Page:
    """An exposition, and whether the store could be read."""

    text: str
    is_up: bool


@dataclass(slots=True)
class Kept:
    """Makes a page at most every `seconds`, however many ask, and one at a time."""

    make: Callable[[], Page]
    seconds: float = SECONDS_KEPT
    _page: Page | None = None
    _made_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self) -> Page:
        """Return the page, made now or a moment ago."""
        with self._lock:
            if self._page is None or time.monotonic() - self._made_at > self.seconds:
                self._page = self.make()
                self._made_at = time.monotonic()
            return self._page


@dataclass(slots=True)
class _Client:
    """A connection, and whether its request is still being read."""

    connection: socket.socket
    is_asking: bool = True


@dataclass(slots=True)
class _Clients:
    """The connections that are open, oldest first. Safe between threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    open: dict[int, _Client] = field(default_factory=dict)

    def admit(self, connection: socket.socket) -> bool:
        """Take a connection in; where there is no room, the one that asks for longest goes.

        Who asks for the page has done so at once, and one that does not may wait for ever.
        """
        with self.lock:
            if len(self.open) >= MOST_THREADS:
                return False
            waiting = [item for item in self.open.values() if item.is_asking]
            if len(self.open) >= MOST_CLIENTS and waiting:
                # Its thread ends by itself: what it reads is over now.
                with suppress(OSError):
                    waiting[0].connection.shutdown(socket.SHUT_RDWR)
                waiting[0].is_asking = False
            self.open[id(connection)] = _Client(connection)
            return True

    def asked(self, connection: socket.socket) -> None:
        """Note that the request is read."""
        with self.lock:
            self.open[id(connection)].is_asking = False

    def gone(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self.lock:
            self.open.pop(id(connection), None)


class MetricsServer(ThreadingHTTPServer):
    """Serves one page at `/metrics`, and nothing else, to a bounded number of clients.

    At a loopback address it answers only those who ask for it by such a name: a web page
    could otherwise give its own name this address, and read the answer in a local browser.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, kept: Kept, allowed_hosts: Sequence[str] = ()) -> None:
        self.kept = kept
        self.clients = _Clients()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Answer)
        names = {host.lower(), *(name.lower() for name in allowed_hosts)}
        own = _is_loopback(str(self.server_address[0]))
        self.allowed_hosts = names | LOOPBACK_NAMES if own or allowed_hosts else None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or close what comes when there are too many."""
        if self.clients.admit(request):
            super().process_request(request, client_address)
        else:
            super().shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and make room for another one."""
        super().shutdown_request(request)
        self.clients.gone(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - its names
        """Say nothing of a client that did not wait for its answer."""
        if not isinstance(error := sys.exception(), OSError):
            _LOG.warning("A request for the metrics failed: %s", type(error).__name__)


class _Timed(io.RawIOBase):
    """What a client sends: for so many seconds in all, and so many bytes."""

    def __init__(self, connection: socket.socket, seconds: float, most_bytes: int) -> None:
        self._connection = connection
        self._until = time.monotonic() + seconds
        self._left = most_bytes

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come.

        Raises:
            TimeoutError: the time is up.
            ConnectionAbortedError: it is more than is allowed.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if not self._left:
            raise ConnectionAbortedError
        self._connection.settimeout(left)
        count = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count


class _Answer(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version = "sync_pipeline"
    sys_version = ""

    def setup(self) -> None:
        """Read within limits, and send within as much time for the whole answer."""
        super().setup()
        self.rfile = io.BufferedReader(_Timed(self.connection, SECONDS_TO_ASK, MOST_BYTES))

    def do_GET(self) -> None:
        """Answer one request."""
        self.server.clients.asked(self.connection)
        # For the whole answer: `sendall` counts from its beginning.
        self.connection.settimeout(SECONDS_TO_TAKE)
        if not self._is_allowed_host():
            self._say(HTTPStatus.MISDIRECTED_REQUEST, "Ask for the page by an allowed name.\n")
            return
        if self.path.partition("?")[0] != PATH:
            self._say(HTTPStatus.NOT_FOUND, f"The metrics are at {PATH}.\n")
            return
        page = self.server.kept.page()
        self._say(HTTPStatus.OK if page.is_up else HTTPStatus.SERVICE_UNAVAILABLE, page.text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Note a request where somebody wants to know."""
        _LOG.debug(format, *args)

    def _is_allowed_host(self) -> bool:
        allowed = self.server.allowed_hosts
        given = self.headers.get_all("host") or [""]
        return allowed is None or (len(given) == 1 and _name_of(given[0]) in allowed)

    def _say(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", TEXT)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        self.wfile.write(body)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """Return the name or address of a Host header, without its port."""
    name, separator, port = host.strip().lower().rpartition(":")
    if not separator or not (port.isascii() and port.isdigit()):
        name = host.strip().lower()
    return name.removeprefix("[").removesuffix("]")
