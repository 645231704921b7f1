"""A connection that keeps its place for a time only: uvicorn waits for ever for a whole request.

There are few places. One that sends its headers a byte at a time, or does not take its answer,
would keep one from others. So would a client that has many of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from sync_pipeline.web.shares import Clients, Shared, Shares

MOST_OF_ADDRESS = 50
TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    b"content-length: 48\r\n\r\nThis address has too many connections. Wait.    "
)


class Punctual(H11Protocol):
    """Connections over HTTP/1.1 that are ended when something takes too long."""

    seconds_of_a_request: ClassVar[float] = 10.0
    """From the beginning of a connection to the end of the headers."""
    seconds_of_an_answer: ClassVar[float] = 60.0
    """From there to the answer; and from the answer to the next request, with all of it taken."""
    clients: ClassVar[Clients] = Clients()
    shares: Shared = Shares(MOST_OF_ADDRESS)
    """How many connections each client has."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # None: the client has too many, and this one ends.
        self._client: str | None = None
        self._due: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        client = self.clients.of_connection(self.client[0] if self.client else "")
        if not self.shares.take(client):
            transport.write(TOO_MANY)
            transport.close()
            return
        self._client = client
        self._wait(self.seconds_of_a_request)

    def data_received(self, data: bytes) -> None:
        """Take what was sent, and wait for the answer from the end of the headers on."""
        if self._client is None:
            return
        super().data_received(data)
        self._begin()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the answer of one that was sent already."""
        self._answering = None
        self._wait(self.seconds_of_an_answer)
        super().on_response_complete()
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the waiting, too."""
        self._stop()
        if self._client is not None:
            self.shares.give_back(self._client)
        super().connection_lost(exc)

    def _begin(self) -> None:
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and cycle is not self._answering:
            self._answering = cycle
            self._wait(self.seconds_of_an_answer)

    def _wait(self, seconds: float) -> None:
        self._stop()
        # What was not taken yet is thrown away, or the end would wait for it.
        self._due = self.loop.call_later(seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._due is not None:
            self._due.cancel()


def punctual(clients: Clients, most: int) -> type[Punctual]:
    """Return the connections of one server, of which each client may have `most`."""
    shared = Shares(most)

    class Counted(Punctual):
        """Connections that are counted together."""

    Counted.clients, Counted.shares = clients, shared
    return Counted
