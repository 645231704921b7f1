"""A rogue that accepts a session as Oracle does and asks for the proof of O5LOGON.

Source: the packets as python-oracledb's thin mode reads and writes them. It takes the "fast
authentication", in which the client sends its user name first and the proof second.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from workbench.servers.rogue.listening import Line

_ACCEPT, _DATA = 2, 6
_VERSION, _FAST_AUTHENTICATION = 318, 0x10000000
_PARAMETERS, _STATUS = 8, 9
_CONNECT_BYTES = 74
_TLS_HANDSHAKE = 0x16
_ROUNDS = ("AUTH_PBKDF2_VGEN_COUNT", "AUTH_PBKDF2_SDER_COUNT")
VERIFIERS = {
    "11g": (0x1B25, {"AUTH_SESSKEY": "A7" * 48, "AUTH_VFR_DATA": "C3" * 10}),
    "12c": (
        0x4815,
        {
            "AUTH_SESSKEY": "A7" * 32,
            "AUTH_VFR_DATA": "C3" * 16,
            "AUTH_PBKDF2_CSK_SALT": "5D" * 16,
            # A hostile server makes guessing as cheap as it can.
            "AUTH_PBKDF2_VGEN_COUNT": "1",
            "AUTH_PBKDF2_SDER_COUNT": "1",
        },
    ),
}
ENDLESS = (0x4815, VERIFIERS["12c"][1] | dict.fromkeys(_ROUNDS, "2000000000"))
"""As "12c", with more rounds than anybody can wait for."""


def asking(verifier: str) -> Callable[[Line], None]:
    """Return a server that asks for the proof with a verifier of its own."""

    def serve(line: Line) -> None:
        connect = _read_small(line)
        if connect[0] == _TLS_HANDSHAKE:
            return
        (text_length,) = struct.unpack_from(">H", connect, 24)
        if len(connect) < _CONNECT_BYTES + text_length:
            _read_small(line)  # a long text comes in a packet of its own
        line.send(_accept())
        _read(line)
        line.asks()
        line.send(_large(_challenge(*{**VERIFIERS, "endless": ENDLESS}[verifier])))
        _read(line)

    return serve


def _read_small(line: Line) -> bytes:
    """Read a packet as it is before the session is accepted."""
    head = line.read(2)
    if head[0] == _TLS_HANDSHAKE:
        return head
    return head + line.read(int.from_bytes(head, "big") - 2)


def _read(line: Line) -> bytes:
    (length,) = struct.unpack(">I", line.read(4))
    return line.read(length - 4)


def _accept() -> bytes:
    body = struct.pack(">HH10xB9xI5xI", _VERSION, 0, 0, 8192, _FAST_AUTHENTICATION)
    return struct.pack(">HHBBH", len(body) + 8, 0, _ACCEPT, 0, 0) + body


def _large(payload: bytes) -> bytes:
    body = b"\0\0" + payload
    return struct.pack(">IBBH", len(body) + 8, _DATA, 0, 0) + body


def _challenge(kind: int, values: dict[str, str]) -> bytes:
    out = bytes([_PARAMETERS]) + _number(len(values))
    for key, value in values.items():
        out += _text(key) + _text(value) + _number(kind if key == "AUTH_VFR_DATA" else 0)
    return out + bytes([_STATUS]) + _number(0) + _number(0)


def _number(value: int) -> bytes:
    if not value:
        return b"\0"
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "big")


def _text(value: str) -> bytes:
    return _number(len(value)) + bytes([len(value)]) + value.encode()
