"""TCP connections within a limit that begins before the name is resolved."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, cast

from sync_pipeline.engines.wire.budget import Arriving, Usage
from sync_pipeline.engines.wire.calls import Call, CallAborted, CallTimeout
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.errors import ResultLimit

_LOOK_SECONDS = 0.05
_IDLE_SECONDS = 2.0
_NEXT_ADDRESS_SECONDS = 0.25
"""How long one address is tried alone before the next is tried beside it (RFC 8305, 8)."""
_BEING_MADE = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
_TCP_INFO = struct.Struct("=8x24I4Q")
"""The beginning of Linux's `struct tcp_info` (linux/tcp.h), up to tcpi_bytes_received."""


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, in the resolver's order.

    The resolver has no limit of its own: a call that takes longer is left behind. An address
    is no name, and nobody is asked.

    Raises:
        OSError: gaierror; TimeoutError where it took too long.
        UnicodeError: the name can't be one.
        ConnectionLimit: too many calls were left behind already.
    """
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    call = Call(
        lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), name=f"resolve {host}"
    )
    found: list[Any] | None = None
    with contextlib.suppress(CallTimeout, CallAborted):
        found = call.result(seconds, _nothing)
    if found is None:
        raise TimeoutError(f"resolving the name timed out after {seconds:.3g} seconds")
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def open_link(host: str, port: int, seconds: float) -> socket.socket:
    """Return a TCP connection to the address that answers first; all within `seconds`.

    Each further address is tried soon after the one before, which goes on being tried: one
    that stays silent does not use up the time of the others.

    Raises:
        OSError: no address answered (TimeoutError: in time).
        UnicodeError: the name can't be one.
        ConnectionLimit: too many calls were left behind already.
    """
    ends_at = time.monotonic() + seconds
    with _Race(resolve(host, port, seconds), port, ends_at) as race:
        return race.winner()


def answering_first(addresses: list[str], port: int, seconds: float) -> list[str]:
    """Return the addresses, the one first that takes a connection first; it is closed again.

    Where none does they are in the order in which they came.
    """
    try:
        with _Race(addresses, port, time.monotonic() + seconds) as race, race.winner() as link:
            first = str(link.getpeername()[0])
    except OSError:
        return addresses
    return sorted(addresses, key=lambda address: address.partition("%")[0] != first)


class _Race:
    """Connections that are being made to several addresses at once (RFC 8305, section 5)."""

    def __init__(self, addresses: list[str], port: int, ends_at: float) -> None:
        self._addresses = list(reversed(addresses))
        self._port = port
        self._ends_at = ends_at
        self._next_at = 0.0
        self._failure: OSError = TimeoutError("timed out")
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def winner(self) -> socket.socket:
        """Return the first connection, with what is left of the time as its timeout."""
        while (now := time.monotonic()) < self._ends_at:
            if self._addresses and (now >= self._next_at or not self._selector.get_map()):
                self._begin(self._addresses.pop(), now)
            elif not self._selector.get_map():
                raise self._failure
            else:
                until = min(self._ends_at, self._next_at) if self._addresses else self._ends_at
                for key, _ in self._selector.select(max(0.0, until - now)):
                    if self._is_made(link := cast("socket.socket", key.fileobj)):
                        link.settimeout(max(0.001, self._ends_at - time.monotonic()))
                        return link
        raise TimeoutError("timed out") if self._selector.get_map() else self._failure

    def _begin(self, address: str, now: float) -> None:
        self._next_at = now + _NEXT_ADDRESS_SECONDS
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(
                address, self._port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )[0]
            link = socket.socket(family, kind, protocol)
        except OSError as error:
            self._failure = error
            return
        link.settimeout(0)
        self._selector.register(link, selectors.EVENT_WRITE)
        if (number := link.connect_ex(where)) not in _BEING_MADE:
            self._lose(link, number)

    def _is_made(self, link: socket.socket) -> bool:
        number = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number == 0:
            self._selector.unregister(link)
            return True
        self._lose(link, number)
        return False

    def _lose(self, link: socket.socket, number: int) -> None:
        self._selector.unregister(link)
        link.close()
        self._failure = OSError(number, os.strerror(number))
        self._next_at = 0.0


class Breach(StrEnum):
    """What a guarded call did too much of."""

    TIME = "time"
    STRETCH = "stretch"
    BYTES = "bytes"
    BUDGET = "budget"


class Flow:
    """Counts what arrives: of one answer, and since the driver last handed over rows.

    A driver collects a whole answer, however many packets it has, before it looks at it.
    """

    def __init__(self, limits: ReadLimits, usage: Usage | None = None) -> None:
        self.breach: Breach | None = None
        self._limits = limits
        self._arriving = Arriving(usage or Usage())
        self._arrived = self._stretch = 0

    def begin(self) -> None:
        """Begin to count another answer."""
        self._arrived = 0
        self.progress()

    def progress(self) -> None:
        """Note that the driver has handed over what had come."""
        self._stretch = 0
        self._arriving.allows(0)

    def error(self, instance: str) -> ResultLimit | None:
        """Return the error of the limit that was passed, if one was."""
        return breached(self.breach, self._limits, instance)

    def allows(self, count: int) -> bool:
        """Count bytes that arrived; return whether they are within the limits."""
        self._arrived += count
        self._stretch += count
        if self._arrived > self._limits.result_bytes:
            self.breach = Breach.BYTES
        elif self._stretch > self._limits.stretch_bytes:
            self.breach = Breach.STRETCH
        elif not self._arriving.allows(self._stretch):
            self.breach = Breach.BUDGET
        return self.breach is None


def breached(breach: Breach | None, limits: ReadLimits, instance: str) -> ResultLimit | None:
    """Return the error of a limit on bytes that was passed, if one was."""
    if breach is Breach.BYTES:
        return limits.too_large_result(instance)
    if breach is Breach.STRETCH:
        return limits.too_long_value(instance)
    return None


class Watched(ABC):
    """What the watcher looks at while its block is at work."""

    def __enter__(self) -> Self:
        _WATCHER.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _WATCHER.remove(self)

    @abstractmethod
    def look(self) -> None:
        """Do what it is time for."""


class Guard(Watched):
    """Breaks a connection from outside while a call waits for it, when it goes too far.

    `most_bytes` bounds what arrives in all, `stretch_bytes` what arrives between two calls
    of `progress`. They are counted by the kernel, so that a driver which collects a whole
    message before it says a word is bounded too. Linux counts; elsewhere time alone bounds.
    `arriving` is told of that stretch.
    """

    def __init__(
        self,
        link: socket.socket,
        seconds: float,
        most_bytes: int = 0,
        stretch_bytes: int = 0,
        arriving: Arriving | None = None,
    ) -> None:
        self.breach: Breach | None = None
        self._link = link
        self._ends_at = time.monotonic() + seconds
        self._most, self._stretch = most_bytes, stretch_bytes
        self._arriving = arriving
        self._begin = self._mark = received(link) if most_bytes else 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._arriving is not None:
            self._arriving.allows(0)

    def progress(self) -> None:
        """Note that the driver has handed over what had come."""
        self._mark = received(self._link)

    def look(self) -> None:
        """Break the connection where it went too far, once."""
        if self.breach is None:
            self.breach = self._found()
            if self.breach is not None:
                shut(self._link)

    def _found(self) -> Breach | None:
        if time.monotonic() >= self._ends_at:
            return Breach.TIME
        if not self._most:
            return None
        count = received(self._link)
        if count - self._begin > self._most:
            return Breach.BYTES
        if count - self._mark > self._stretch:
            return Breach.STRETCH
        if self._arriving is not None and not self._arriving.allows(count - self._mark):
            return Breach.BUDGET
        return None


class Alarm(Watched):
    """Calls something from another thread at a moment (`time.monotonic`), once.

    Nothing is called after its block has ended, but what was called may still be at work.
    """

    def __init__(self, at: float, ring: Callable[[], None]) -> None:
        self._at = at
        self._ring = ring
        self._has_rung = False

    def look(self) -> None:
        """Ring where it is time, beside: what is called may wait."""
        if not self._has_rung and time.monotonic() >= self._at:
            threading.Thread(target=self._ring, name="alarm", daemon=True).start()
            self._has_rung = True


class Watcher:
    """Looks after all guarded calls of a process, on one thread that ends when there are none.

    A thread for each call would cost more than the call.
    """

    def __init__(self) -> None:
        self._guards: set[Watched] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, guard: Watched) -> None:
        """Look after a call from now on."""
        with self._lock:
            self._guards.add(guard)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)
                self._thread.start()

    def remove(self, guard: Watched) -> None:
        """Look after it no more: nothing is broken from here on."""
        with self._lock:
            self._guards.discard(guard)

    def _watch(self) -> None:
        idle_since = time.monotonic()
        while True:
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            with self._lock:
                if self._guards:
                    idle_since = now
                elif now - idle_since > _IDLE_SECONDS:
                    self._thread = None
                    return
                for guard in self._guards:
                    with contextlib.suppress(MemoryError, RuntimeError):  # it is looked at again
                        guard.look()


_WATCHER = Watcher()
"""Of this process: calls into drivers are its own, whoever makes them."""


def received(link: socket.socket) -> int:
    """Return the bytes that a connection has received, 0 where the system does not count."""
    try:
        info = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        return int(_TCP_INFO.unpack(info)[-1])
    except (OSError, AttributeError, struct.error):
        return 0


def shut(link: socket.socket) -> None:
    """Shut a connection down, so that whoever waits for it goes on."""
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _nothing() -> None:
    """Do nothing with a name that was resolved too late."""
