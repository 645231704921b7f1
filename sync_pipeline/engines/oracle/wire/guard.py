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

from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.engines.wire.links import Flow

HEADER_BYTES = 8
ACCEPT = 2
FIRST_ANSWERS = frozenset({ACCEPT, 4, 5, 6, 11, 12, 14})
"""Accept, refuse, redirect, data, resend, marker and control: what a listener answers with."""

LARGE_LENGTHS_SINCE = 315
SMALLEST_SDU, LARGEST_SDU = 512, 2 * 2**20
_VERSION_END = 10
_SDU_END = 36
"""From version 315 on, where the size of packets ends: four bytes."""


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
        """Return how much of a packet must be seen: its header, and what is accepted."""
        is_accept = len(self._head) >= HEADER_BYTES and self._head[4] == ACCEPT
        return self._accept_end() if is_accept and self._is_first else HEADER_BYTES

    def _accept_end(self) -> int:
        """Return where that ends which must be seen of the packet that accepts."""
        return _VERSION_END

    def _is_sound(self, accept: bytes) -> bool:  # noqa: ARG002 - for those who see more
        """Return whether the driver may see a packet that accepts."""
        return True

    def _frame(self) -> bool:
        """Take a header in; return whether it can be one."""
        width = 4 if self._has_large_lengths else 2
        length, kind = int.from_bytes(self._head[:width], "big"), self._head[4]
        if length < HEADER_BYTES or (self._is_first and kind not in FIRST_ANSWERS):
            return False
        if len(self._head) < self._wanted():
            return length >= _VERSION_END
        if kind == ACCEPT and self._is_first:
            if len(self._head) < _VERSION_END or not self._is_sound(bytes(self._head)):
                return False
            self._is_first = False
            version = int.from_bytes(self._head[HEADER_BYTES:_VERSION_END], "big")
            self._has_large_lengths = version >= LARGE_LENGTHS_SINCE
        self._left = length - len(self._head)
        self._head.clear()
        return True


class DriverGuard(PacketGuard):
    """Also keeps a size of packets from the driver with which it leaves its own memory.

    python-oracledb 26.1 makes its buffers as large as the server says that packets are (the
    session data unit, 512 bytes to 2 MiB: Net Services Reference, DEFAULT_SDU_SIZE) and
    writes behind the end of one that is too small: the whole process dies.
    """

    def _accept_end(self) -> int:
        return min(_SDU_END, int.from_bytes(self._head[:2], "big"))

    def _is_sound(self, accept: bytes) -> bool:
        version = int.from_bytes(accept[HEADER_BYTES:_VERSION_END], "big")
        if version < LARGE_LENGTHS_SINCE:
            return True
        size = int.from_bytes(accept[_SDU_END - 4 : _SDU_END], "big")
        return len(accept) >= _SDU_END and SMALLEST_SDU <= size <= LARGEST_SDU
