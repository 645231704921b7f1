"""Keeps what is not Oracle's protocol from the driver.

python-oracledb 26.1 believes every packet length: on a length of zero it reads the same
nothing for ever, inside compiled code that holds Python's lock, so that no timeout and no
other thread of the process runs again. The framing is therefore checked before the driver
sees it: eight bytes of header, of which the first two (from version 315 on, once a
connection is accepted, the first four) are the length and the fifth is the type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sync_pipeline.engines.limits import ReadLimits
from sync_pipeline.engines.links import Flow

HEADER_BYTES = 8
ACCEPT = 2
FIRST_ANSWERS = frozenset({ACCEPT, 4, 5, 6, 11, 12, 14})
"""Accept, refuse, redirect, data, resend, marker and control: what a listener answers with."""

LARGE_LENGTHS_SINCE = 315
_VERSION_END = 10


class PacketGuard(asyncio.Protocol):
    """Stands before the driver's protocol; `refuse` is called once, for what does not fit."""

    def __init__(
        self, driver: asyncio.Protocol, refuse: Callable[[], None], flow: Flow | None = None
    ) -> None:
        self._driver = driver
        self._refuse = refuse
        self._flow = flow or Flow(ReadLimits())
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()
        self._left = 0
        self._is_first = True
        self._has_large_lengths = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the transport on."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._driver.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on that are framed as packets; break the connection otherwise."""
        if self._is_refused:
            return
        if self._flow.allows(len(data)) and self._fits(memoryview(data)):
            self._driver.data_received(data)
            return
        self._is_refused = True
        self._refuse()
        if self._transport is not None:
            self._transport.abort()

    def eof_received(self) -> bool | None:
        """Pass the end on."""
        return self._driver.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the loss on."""
        self._driver.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass the pause on."""
        self._driver.pause_writing()

    def resume_writing(self) -> None:
        """Pass its end on."""
        self._driver.resume_writing()

    def _fits(self, data: memoryview) -> bool:
        while data:
            if self._left:
                skipped = min(self._left, len(data))
                self._left -= skipped
                data = data[skipped:]
                continue
            wanted = self._wanted() - len(self._head)
            self._head += data[:wanted]
            data = data[wanted:]
            if len(self._head) >= HEADER_BYTES and not self._frame():
                return False
        return True

    def _wanted(self) -> int:
        """Return how much of a packet must be seen: its header, and an accepted version."""
        is_accept = len(self._head) >= HEADER_BYTES and self._head[4] == ACCEPT
        return _VERSION_END if is_accept and self._is_first else HEADER_BYTES

    def _frame(self) -> bool:
        """Take a header in; return whether it can be one."""
        width = 4 if self._has_large_lengths else 2
        length, kind = int.from_bytes(self._head[:width], "big"), self._head[4]
        if length < HEADER_BYTES or (self._is_first and kind not in FIRST_ANSWERS):
            return False
        if len(self._head) < self._wanted():
            return length >= _VERSION_END
        if kind == ACCEPT:
            self._is_first = False
            version = int.from_bytes(self._head[HEADER_BYTES:_VERSION_END], "big")
            self._has_large_lengths = version >= LARGE_LENGTHS_SINCE
        self._left = length - len(self._head)
        self._head.clear()
        return True
