"""A rogue that answers PRELOGIN as it likes and takes the login: [MS-TDS] 2.2.6.5."""

from __future__ import annotations

import struct
from collections.abc import Callable

from workbench.servers.rogue.listening import Line

ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUPPORTED, ENCRYPT_REQUIRED = range(4)


def answering(encryption: int) -> Callable[[Line], None]:
    """Return a server that says this of encryption, and never does any."""

    def serve(line: Line) -> None:
        _packet(line)
        line.send(_prelogin(encryption))
        line.asks()
        # The login, or the first packet of a TLS that is never made.
        _packet(line)

    return serve


def _packet(line: Line) -> None:
    (length,) = struct.unpack(">2xH4x", line.read(8))
    line.read(length - 8)


def _prelogin(encryption: int) -> bytes:
    options = ((0, bytes([16, 0, 16, 0, 0, 0])), (1, bytes([encryption])), (2, b"\0"), (4, b"\0"))
    offset = 5 * len(options) + 1
    head, body = b"", b""
    for token, value in options:
        head += struct.pack(">BHH", token, offset + len(body), len(value))
        body += value
    payload = head + b"\xff" + body
    return struct.pack(">BBHHBB", 4, 1, len(payload) + 8, 0, 1, 0) + payload
