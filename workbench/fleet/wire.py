"""The frames of PostgreSQL's protocol 3.0, as far as a recording needs them.

PostgreSQL manual, "Frontend/Backend Protocol", message formats.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_LENGTH = struct.Struct("!I")
_STARTUP = struct.Struct("!II")
_TLS_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102
NO_ENCRYPTION = b"N"
READY = b"Z"
_HEAD = 5
_ENDS_OF_REQUEST = (b"Q", b"S")
_TERMINATE = b"X"


class RequestKind(StrEnum):
    """What a client wants with the bytes of one request."""

    ENCRYPT = "encrypt"
    START = "start"
    ASK = "ask"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Request:
    """All that a client sends before it waits for an answer."""

    kind: RequestKind
    content: bytes

    @property
    def database(self) -> str:
        """Return the database that a request of kind START names."""
        fields = self.content[_STARTUP.size :].split(b"\0")
        named = dict(zip(fields[::2], fields[1::2], strict=False))
        return named.get(b"database", named.get(b"user", b"")).decode()


class RequestReader:
    """Cuts the bytes that a client sends into requests.

    A simple query is one; so are the messages of an extended query up to their Sync.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._is_started = False
        self._searched = 0

    def feed(self, received: bytes) -> Iterator[Request]:
        """Take bytes and yield the requests that they complete."""
        self._bytes += received
        while (request := self._next()) is not None:
            yield request

    def _next(self) -> Request | None:
        return self._next_message() if self._is_started else self._next_start()

    def _next_start(self) -> Request | None:
        if len(self._bytes) < _STARTUP.size:
            return None
        length, code = _STARTUP.unpack_from(self._bytes)
        if len(self._bytes) < length:
            return None
        content = self._take(length)
        if code in (_TLS_REQUEST, _GSS_REQUEST):
            return Request(RequestKind.ENCRYPT, content)
        if code == _CANCEL_REQUEST:
            return Request(RequestKind.LEAVE, content)
        self._is_started = True
        return Request(RequestKind.START, content)

    def _next_message(self) -> Request | None:
        """Search on from the last message seen, so that no byte is looked at twice."""
        while len(self._bytes) >= self._searched + _HEAD:
            kind = bytes(self._bytes[self._searched : self._searched + 1])
            (length,) = _LENGTH.unpack_from(self._bytes, self._searched + 1)
            end = self._searched + 1 + length
            if len(self._bytes) < end:
                return None
            self._searched = end
            if kind == _TERMINATE:
                return Request(RequestKind.LEAVE, self._take(end))
            if kind in _ENDS_OF_REQUEST:
                return Request(RequestKind.ASK, self._take(end))
        return None

    def _take(self, length: int) -> bytes:
        taken = bytes(self._bytes[:length])
        del self._bytes[:length]
        self._searched = 0
        return taken


def state_after(answer: bytes) -> bytes:
    """Return the transaction state that an answer ends with: I, T or E."""
    return answer[-1:]


def is_whole(answer: bytes) -> bool:
    """Return whether an answer has come to its end, which says that the server is ready."""
    position = 0
    while position + _HEAD <= len(answer):
        kind = answer[position : position + 1]
        (length,) = _LENGTH.unpack_from(answer, position + 1)
        position += 1 + length
        if kind == READY and position == len(answer):
            return True
    return False


def error(severity: str, code: str, text: str) -> bytes:
    """Return an ErrorResponse."""
    fields = f"S{severity}\0V{severity}\0C{code}\0M{text}\0\0".encode()
    return b"E" + _LENGTH.pack(len(fields) + 4) + fields


def ready(state: bytes) -> bytes:
    """Return a ReadyForQuery with a transaction state."""
    return READY + _LENGTH.pack(5) + state
