"""The page that Prometheus reads: computed when asked, and kept for a few seconds."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LOG = logging.getLogger(__name__)
SECONDS_KEPT = 5.0
PATH = "/metrics"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
SECONDS_TO_ASK = 30.0


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


class MetricsServer(ThreadingHTTPServer):
    """Serves one page at `/metrics`, and nothing else."""

    daemon_threads = True

    def __init__(self, host: str, port: int, kept: Kept) -> None:
        self.kept = kept
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Answer)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that did not wait for its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Answer(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = SECONDS_TO_ASK

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.partition("?")[0] != PATH:
            self._say(HTTPStatus.NOT_FOUND, f"The metrics are at {PATH}.\n")
            return
        page = self.server.kept.page()
        self._say(HTTPStatus.OK if page.is_up else HTTPStatus.SERVICE_UNAVAILABLE, page.text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Note a request where somebody wants to know."""
        _LOG.debug(format, *args)

    def _say(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", TEXT)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
