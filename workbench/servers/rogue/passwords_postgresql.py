"""A rogue that asks as PostgreSQL does: PostgreSQL manual, "Message Flow" and "Message Formats"."""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable

from workbench.servers.rogue.listening import SALT, Line

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
ASKS = {
    "clear": struct.pack(">I", 3),
    "md5": struct.pack(">I", 5) + SALT,
    "scram": struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0",
}
_REJECTED = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user\0\0"


def asking(how: str, context: ssl.SSLContext | None) -> Callable[[Line], None]:
    """Return a server that asks so for the password, over TLS or after refusing it."""

    def serve(line: Line) -> None:
        _start(line, context)
        line.asks()
        line.send(_message(b"R", ASKS[how]))
        answer = _answer(line)
        if how == "scram":
            _go_on(line, answer)
        line.send(_message(b"E", _REJECTED))

    return serve


def _start(line: Line, context: ssl.SSLContext | None) -> None:
    while True:
        length, code = struct.unpack(">II", line.read(8))
        if code == SSL_REQUEST and context is not None:
            line.send(b"S")
            line.start_tls(context)
        elif code in (SSL_REQUEST, GSS_REQUEST):
            line.send(b"N")
        else:
            line.read(length - 8)
            return


def _go_on(line: Line, first: bytes) -> None:
    """Take the proof of SCRAM (RFC 5802) with a salt of our own and few rounds."""
    nonce = first.rpartition(b"r=")[2]
    challenge = b"r=" + nonce + b"ROGUE,s=c2FsdHNhbHQ=,i=1"
    line.send(_message(b"R", struct.pack(">I", 11) + challenge))
    _answer(line)


def _answer(line: Line) -> bytes:
    (length,) = struct.unpack(">xI", line.read(5))
    return line.read(length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body
