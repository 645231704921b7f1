"""A MySQL server that lets everybody in and answers each statement as an attack says.

Source: MySQL Internals, "Client/Server Protocol": packets, the connection phase (protocol 10)
and text result sets.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Iterator

from workbench.servers.tns import listener

LONGEST = 0xFFFFFF
Parts = Iterable[bytes]
Attack = Callable[[str], Parts | None]
"""Given a statement, the payloads of an answer; None: a sound `OK`."""

OK = b"\0\0\0\2\0\0\0"
MORE_RESULTS = b"\0\0\0\x0a\0\0\0"
EOF = b"\xfe\0\0\2\0"
SWITCH = b"\xfemysql_native_password\x0012345678901234567890\0"
_CAPABILITIES = 0xF7FF & ~0x0800 | 0x000F0000 | 0x00200000


def greeting(version: str = "10.11.6-MariaDB", *, has_tls: bool = False) -> bytes:
    """Return the first packet of a server, by default of one without TLS."""
    capabilities = _CAPABILITIES | (0x0800 if has_tls else 0)
    return (
        b"\x0a"
        + version.encode()
        + b"\0"
        + struct.pack("<I", 7)
        + b"12345678\0"
        + struct.pack("<H", capabilities & 0xFFFF)
        + b"\x2d\2\0"
        + struct.pack("<H", capabilities >> 16)
        + b"\x15"
        + b"\0" * 10
        + b"123456789012\0mysql_native_password\0"
    )


def text(value: bytes) -> bytes:
    """Return a length-encoded string."""
    if len(value) < 251:
        return bytes([len(value)]) + value
    return b"\xfd" + len(value).to_bytes(3, "little") + value


def column(name: str) -> bytes:
    """Return the definition of a text column."""
    parts = (b"def", b"", b"t", b"t", name.encode(), name.encode())
    return b"".join(map(text, parts)) + b"\x0c\x2d\0\0\4\0\0\xfd\0\0\0\0\0"


def framed(payload: bytes, number: int) -> bytes:
    """Return a packet."""
    return len(payload).to_bytes(3, "little") + bytes([number % 256]) + payload


def head(*names: str) -> list[bytes]:
    """Return the payloads before the rows."""
    return [bytes([len(names)]), *map(column, names), EOF]


@contextlib.contextmanager
def rogue_mysql(
    attack: Attack,
    send: Callable[[socket.socket, bytes], None] = socket.socket.sendall,
    first: Callable[[], Parts] = lambda: [greeting()],
    *,
    switch: bytes = b"",
) -> Iterator[int]:
    """Yield the port of a server; `send` is how it sends, `first` what it says first.

    With `switch` it asks for the login once more, by a switch of the method.
    """

    def answer(link: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            _sent(link, first(), 0, send)
            number = _read(link)[1]
            if switch:
                send(link, framed(switch, number + 1))
                number = _read(link)[1]
            send(link, framed(OK, number + 1))
            while True:
                payload, number = _read(link)
                if payload[:1] != b"\3":
                    return
                parts = attack(payload[1:].decode("utf-8", "replace"))
                _sent(link, [OK] if parts is None else parts, number + 1, send)
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    with listener(answer) as port:
        yield port


def _sent(
    link: socket.socket, parts: Parts, number: int, send: Callable[[socket.socket, bytes], None]
) -> None:
    waiting = bytearray()
    for part in parts:
        waiting += framed(part, number)
        number += 1
        if len(waiting) > 2**18:
            send(link, bytes(waiting))
            waiting.clear()
    send(link, bytes(waiting))


def _read(link: socket.socket) -> tuple[bytes, int]:
    header = _exactly(link, 4)
    return _exactly(link, int.from_bytes(header[:3], "little")), header[3]


def _exactly(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = link.recv(count - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found
