"""Sending that is sound up to a message, and then comes a byte at a time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

BYTE_SECONDS = 0.5
Length = Callable[[bytes], int]
"""Given the rest of what is sent, the length of the message that it begins with."""


class Drip:
    """Sends whole messages before the one numbered `step`, and a byte at a time from there.

    It counts the messages of all its connections, so that it serves one client only.
    """

    def __init__(self, step: int, length: Length) -> None:
        self._step = step
        self._length = length
        self._lock = threading.Lock()
        self.count = 0
        self.has_begun = False

    def __call__(self, link: socket.socket, data: bytes) -> None:
        while data:
            length = self._length(data)
            with self._lock:
                is_whole = self.count < self._step
                self.count += 1
            if is_whole:
                link.sendall(data[:length])
            else:
                self.has_begun = True
                for byte in data[:length]:
                    time.sleep(BYTE_SECONDS)
                    link.sendall(bytes([byte]))
            data = data[length:]


def of_mysql(data: bytes) -> int:
    """Return the length of a packet of MySQL."""
    return 4 + int.from_bytes(data[:3], "little")


def of_postgresql(data: bytes) -> int:
    """Return the length of a message of PostgreSQL; the answer to SSLRequest is one byte."""
    return 1 if data == b"N" else 1 + int.from_bytes(data[1:5], "big")


def of_tds(data: bytes) -> int:
    """Return the length of a packet of TDS."""
    return int.from_bytes(data[2:4], "big")
