"""A PostgreSQL server that checks nobody's password and answers queries as an attack says.

Source: PostgreSQL manual, "Frontend/Backend Protocol": message flow, message formats and
SASL authentication (SCRAM-SHA-256 by RFC 5802 and RFC 7677).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import struct
from collections.abc import Callable, Iterable, Iterator

from workbench.servers.tns import listener

Parts = Iterable[bytes]
Attack = Callable[[str], Parts | None]
"""Given a statement, the bytes of an answer; None: a sound empty one."""

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
_SALT = b"salt of the rogue"


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message."""
    return kind + struct.pack(">I", len(body) + 4) + body


READY = message(b"Z", b"T")
DONE = message(b"C", b"SELECT 0\0") + READY
BEGUN = message(b"C", b"BEGIN\0") + READY
ACCEPTED = message(b"R", struct.pack(">I", 0))
SOUND_LOGIN = (
    ACCEPTED
    + message(b"S", b"server_version\x0016.1\0")
    + message(b"S", b"client_encoding\0UTF8\0")
    + message(b"S", b"integer_datetimes\0on\0")
    + message(b"S", b"standard_conforming_strings\0on\0")
    + message(b"K", struct.pack(">II", 1, 2))
    + message(b"Z", b"I")
)


def description(*names: str, kind: int = 25) -> bytes:
    """Return the description of columns, all of one type (25: text)."""
    body = struct.pack(">H", len(names))
    for name in names:
        body += name.encode() + b"\0" + struct.pack(">IHIhih", 0, 0, kind, -1, -1, 0)
    return message(b"T", body)


def row(*values: bytes | None) -> bytes:
    """Return a row."""
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return message(b"D", body)


@contextlib.contextmanager
def rogue_postgresql(
    attack: Attack,
    send: Callable[[socket.socket, bytes], None] = socket.socket.sendall,
    login: Callable[[], Parts] = lambda: [SOUND_LOGIN],
    password: str = "",
    iterations: int = 4096,
    begun: Callable[[], Parts] = lambda: [BEGUN],
) -> Iterator[int]:
    """Yield the port of a server without TLS; `send` is how it sends.

    `login` is what it says after the password was proven, `begun` when a transaction is begun.
    """

    def answer(link: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while _startup(link) in (SSL_REQUEST, GSS_REQUEST):
                send(link, b"N")
            _scram(link, send, password, iterations)
            for part in login():
                send(link, part)
            while True:
                _answered(link, attack, send, begun)
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    with listener(answer) as port:
        yield port


def _answered(
    link: socket.socket,
    attack: Attack,
    send: Callable[[socket.socket, bytes], None],
    begun: Callable[[], Parts],
) -> None:
    """Answer a simple query, or an extended one when its Sync has come."""
    statement = ""
    is_extended = False
    while True:
        kind, body = _read(link)
        if kind == b"Q":
            statement = body.rstrip(b"\0").decode("utf-8", "replace")
            break
        if kind == b"P":
            is_extended = True
            statement = body.split(b"\0")[1].decode("utf-8", "replace")
        elif kind == b"S":
            break
        elif kind == b"X":
            raise EOFError
    if statement.startswith("BEGIN"):
        for part in begun():
            send(link, part)
        return
    if is_extended:
        send(link, message(b"1") + message(b"2"))
    parts = attack(statement)
    for part in [DONE] if parts is None else parts:
        send(link, part)


def _scram(
    link: socket.socket,
    send: Callable[[socket.socket, bytes], None],
    password: str,
    iterations: int,
) -> None:
    send(link, message(b"R", struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0"))
    first = _read(link)[1].split(b"\0", 1)[1][4:]
    bare = first.split(b",", 2)[2]
    nonce = bare.split(b"r=", 1)[1] + b"rogue"
    challenge = b"r=" + nonce + b",s=" + base64.b64encode(_SALT) + b",i=%d" % iterations
    send(link, message(b"R", struct.pack(">I", 11) + challenge))
    final = _read(link)[1]
    without_proof = final.rsplit(b",p=", 1)[0]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), _SALT, iterations)
    key = hmac.digest(salted, b"Server Key", "sha256")
    said = b",".join((bare, challenge, without_proof))
    signature = base64.b64encode(hmac.digest(key, said, "sha256"))
    send(link, message(b"R", struct.pack(">I", 12) + b"v=" + signature))


def _startup(link: socket.socket) -> int:
    (length,) = struct.unpack(">I", _exactly(link, 4))
    return int(struct.unpack(">I", _exactly(link, length - 4)[:4])[0])


def _read(link: socket.socket) -> tuple[bytes, bytes]:
    header = _exactly(link, 5)
    return header[:1], _exactly(link, struct.unpack(">I", header[1:])[0] - 4)


def _exactly(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = link.recv(count - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found
