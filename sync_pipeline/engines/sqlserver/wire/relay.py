"""What stands between an ODBC driver and its server: it counts, and it can break.

A driver has its socket for itself, collects a value however long, and does not come back
from a server that stays silent. So it is given an address of this machine, and what it says
and hears goes through here. TLS is the driver's own, from end to end; nothing is read but the
server's first answer, which says in the clear whether it offers TLS.

The listener stays open as long as the driver lives, and takes one connection of our own
user: no other program can come to the address that the driver has been given.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

from sync_pipeline.engines.sqlserver.wire.framing import Framing
from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.engines.wire.links import Flow, shut

HOST = "127.0.0.1"
_CHUNK = 2**16
_CONNECTIONS = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _STATE, _OWNER = 1, 2, 3, 7
"""The columns of that file (Linux, Documentation/networking/proc_net_tcp.rst)."""
_ESTABLISHED = "01"


_GREETING_BYTES = 4096
_ANSWER, _HEADER_BYTES = 4, 8
_OPTION = struct.Struct(">BHH")
_PRELOGIN_ENCRYPTION, _PRELOGIN_END = 1, 0xFF
_NOT_SUPPORTED = 2


class Relay:
    """Passes bytes between one driver and a connected server, on threads of its own.

    It keeps the beginning of what the server said, and who of the two ended first:
    FreeTDS does not tell why it gave up.
    """

    def __init__(
        self, server: socket.socket, limits: ReadLimits, usage: Usage | None = None
    ) -> None:
        self.flow = Flow(limits, usage)
        self._server = server
        self._server.settimeout(None)
        self._driver: socket.socket | None = None
        self._listener = socket.create_server((HOST, 0), backlog=1)
        self.port: int = self._listener.getsockname()[1]
        self._is_over = False
        self._left_at = math.inf
        self._greeting = b""
        self._is_logged_in = False
        self.server_ended_first = False
        self._threads = [threading.Thread(target=self._serve, name="relay", daemon=True)]
        self._threads[0].start()

    @property
    def is_used(self) -> bool:
        """Return whether the driver speaks with the server through here now."""
        driver = self._driver
        return driver is not None and not self._is_over and not _has_hung_up(driver)

    @property
    def seconds_since_left(self) -> float:
        """Return how long ago the driver hung up by itself, 0 where it did not."""
        return max(0.0, time.monotonic() - self._left_at)

    @property
    def is_over(self) -> bool:
        """Return whether one of the two has ended the connection, or it was broken."""
        return self._is_over

    @property
    def offers_tls(self) -> bool | None:
        """Return what the server said of TLS in its answer to PRELOGIN; None: nothing."""
        said = encryption(self._greeting)
        return None if said is None else said != _NOT_SUPPORTED

    def logged_in(self) -> None:
        """Note that the login is done: alerts of TLS before it say why it failed."""
        self._is_logged_in = True

    def shut(self) -> None:
        """Break both connections, so that whoever waits for them goes on."""
        self._is_over = True
        shut(self._server)
        driver = self._driver
        if driver is not None:
            shut(driver)

    def close(self) -> None:
        """Break the connections and give the address back; the driver must be closed before."""
        self.shut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()
        self._server.close()
        if self._driver is not None:
            self._driver.close()

    def _serve(self) -> None:
        driver = self._accepted()
        if driver is None:
            return
        self._driver = driver
        if self._is_over:
            shut(driver)
        answering = threading.Thread(target=self._answer, name="relay", daemon=True)
        self._threads.append(answering)
        answering.start()
        with contextlib.suppress(OSError):
            while data := driver.recv(_CHUNK):
                self._server.sendall(data)
        if not self._is_over:
            self._left_at = time.monotonic()
        self.shut()

    def _accepted(self) -> socket.socket | None:
        """Return the first connection of our own user; None where the relay is closed first."""
        while True:
            try:
                driver, (_, port) = self._listener.accept()
            except OSError:
                return None
            if is_ours(port, self.port):
                return driver
            driver.close()

    def _answer(self) -> None:
        driver, framing = self._driver, Framing()
        with contextlib.suppress(OSError):
            while driver is not None and (data := self._server.recv(_CHUNK)):
                if not self.flow.allows(len(data)):
                    break
                if len(self._greeting) < _GREETING_BYTES:
                    self._greeting += data[:_GREETING_BYTES]
                passed = framing.before_alert(data)
                if len(passed) < len(data) and self._is_logged_in:
                    driver.sendall(passed)
                    break
                driver.sendall(data)
        self.server_ended_first = not self._is_over and self.flow.breach is None
        self.shut()


def _has_hung_up(link: socket.socket) -> bool:
    """Return whether the other end has closed, also where nobody has read that yet."""
    try:
        return link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def encryption(greeting: bytes) -> int | None:
    """Return the value of ENCRYPTION in an answer to PRELOGIN: [MS-TDS] 2.2.6.5.

    None where it is none, or is not all there.
    """
    if len(greeting) < _HEADER_BYTES or greeting[0] != _ANSWER:
        return None
    payload = greeting[_HEADER_BYTES:]
    for start in range(0, len(payload) - _OPTION.size + 1, _OPTION.size):
        token, offset, length = _OPTION.unpack_from(payload, start)
        if token == _PRELOGIN_END:
            return None
        if token == _PRELOGIN_ENCRYPTION:
            return payload[offset] if length == 1 and offset < len(payload) else None
    return None


def is_ours(port: int, listener: int) -> bool:
    """Return whether the other end of a connection on 127.0.0.1 is a program of our user.

    Where the system does not tell, which is any but Linux, it counts as ours. A port may be
    in use towards several others, and what is being closed has no owner any more, so that
    the very connection is looked for.
    """
    try:
        table = _CONNECTIONS.read_text()
    except OSError:
        return True
    here = _in_memory(HOST)
    wanted = [f"{here}:{port:04X}", f"{here}:{listener:04X}", _ESTABLISHED]
    rows = (line.split() for line in table.splitlines()[1:])
    return any(
        row[_LOCAL : _STATE + 1] == wanted and int(row[_OWNER]) == os.geteuid() for row in rows
    )


def _in_memory(address: str) -> str:
    """Return an address as the file has it: a number in the machine's own order of bytes."""
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
