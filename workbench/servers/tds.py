"""A listener that speaks enough of TDS 7.4 for real ODBC drivers to log in and to query.

Source: [MS-TDS] 2.2.3 (packets), 2.2.6 (PRELOGIN, LOGIN7, SQL batch, RPC) and 2.2.7 (tokens).
What it answers is decided by the test: an error at login, rows of a statement, or nothing.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

BATCH, RPC, ANSWER, ATTENTION, LOGIN7, PRELOGIN = 1, 3, 4, 6, 16, 18
NOT_SUPPORTED, ON = 2, 1
_DONE = struct.Struct("<BHHQ")
_EPOCH = datetime(1900, 1, 1)  # noqa: DTZ001 - the type has no zone


@dataclass(frozen=True)
class ServerError(Exception):
    """What the server answers instead of rows: [MS-TDS] 2.2.7.10."""

    number: int
    message: str
    severity: int = 14
    state: int = 1
    then: tuple[ServerError, ...] = ()
    """What follows it in the same answer."""


@dataclass(frozen=True)
class Login:
    """What LOGIN7 said."""

    username: str
    password: str
    application: str
    database: str
    is_read_only: bool


@dataclass(frozen=True)
class Rows:
    """A result set; the type of a column is that of its first value."""

    columns: Sequence[str]
    values: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True)
class Stream:
    """Tokens as they are, in packets of which only the last of all says that it is."""

    tokens: Iterable[bytes]


@dataclass(frozen=True)
class EndOfTls:
    """The alert that ends TLS (close_notify), and nothing after it: the connection stays."""


Answer = Callable[[Login, str], Rows | Stream | EndOfTls | None]


@dataclass
class TdsServer:
    """What a listener does and what it heard."""

    port: int
    on_login: Callable[[Login], None]
    on_batch: Answer
    tls: ssl.SSLContext | None
    send: Callable[[socket.socket, bytes], None] = socket.socket.sendall
    logins: list[Login] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    is_silent: threading.Event = field(default_factory=threading.Event)
    routing: tuple[str, int] | None = None
    links: list[socket.socket] = field(default_factory=list)

    def hang_up(self) -> None:
        """End every connection, between two statements."""
        for link in self.links:
            link.shutdown(socket.SHUT_RDWR)


def accept_all(login: Login) -> None:
    """Let everybody in."""


def no_rows(login: Login, sql: str) -> Rows | None:
    """Answer nothing but the end."""
    return None


@contextlib.contextmanager
def tds_server(
    on_login: Callable[[Login], None] = accept_all,
    on_batch: Answer = no_rows,
    certificate: tuple[Path, Path] | None = None,
    send: Callable[[socket.socket, bytes], None] = socket.socket.sendall,
) -> Iterator[TdsServer]:
    """Yield a listener; with a certificate (and its key) it offers TLS, else none.

    `send` is how it sends until it has TLS.
    """
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake of TLS 1.3 does not fit into the packets of TDS 7.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TdsServer(listener.getsockname()[1], on_login, on_batch, context, send)
        links = server.links
        threads: list[threading.Thread] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    links.append(link)
                    thread = threading.Thread(target=_serve, args=(server, link), daemon=True)
                    threads.append(thread)
                    thread.start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(5)
            for link in links:
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)
            for link in links:
                link.close()


def _serve(server: TdsServer, link: socket.socket) -> None:
    try:
        with contextlib.suppress(OSError, EOFError, ssl.SSLError):
            _Conversation(server, link).run()
    finally:
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)


class _Conversation:
    """One connection, from PRELOGIN until the client leaves."""

    def __init__(self, server: TdsServer, link: socket.socket) -> None:
        self._server = server
        self._link = link
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def run(self) -> None:
        kind, payload = self._receive()
        if kind != PRELOGIN:
            return
        self._send(_prelogin(ON if self._server.tls else NOT_SUPPORTED))
        if self._server.tls and _encryption(payload) != NOT_SUPPORTED:
            self._handshake(self._server.tls)
        kind, payload = self._receive()
        login = _login(payload)
        self._server.logins.append(login)
        self._server.encrypted.append(self._tls is not None)
        try:
            self._server.on_login(login)
        except ServerError as error:
            self._send(_error(error) + _done(error=True))
            return
        route = _route(*self._server.routing) if self._server.routing else b""
        database = _database(login.database or "master")
        self._send(database + _acknowledged() + route + _done())
        while True:
            self._answer(login)

    def _answer(self, login: Login) -> None:
        kind, payload = self._receive()
        if kind == ATTENTION:
            if not self._server.is_silent.is_set():
                self._send(_done(status=0x20))
            return
        sql = _statement(kind, payload)
        self._server.batches.append(sql)
        if self._server.is_silent.is_set():
            return
        try:
            rows = self._server.on_batch(login, sql)
        except ServerError as error:
            self._send(_error(error) + _done(error=True))
            return
        if isinstance(rows, EndOfTls):
            assert self._tls is not None
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._link.sendall(self._outgoing.read())
            return
        if isinstance(rows, Stream):
            for tokens in rows.tokens:
                self._send(tokens, is_last=False)
            self._send(_done())
            return
        self._send(_result(rows) if rows is not None else _done())

    def _handshake(self, context: ssl.SSLContext) -> None:
        """Wrap the handshake in PRELOGIN packets, as [MS-TDS] 3.2.5.1 has it."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush_handshake()
                self._incoming.write(self._receive()[1])
            except ssl.SSLError:
                self._flush_handshake()
                raise
            else:
                break
        self._flush_handshake()
        self._tls = tls

    def _flush_handshake(self) -> None:
        if self._outgoing.pending:
            self._server.send(self._link, _packet(PRELOGIN, self._outgoing.read()))

    def _receive(self) -> tuple[int, bytes]:
        parts = []
        while True:
            kind, status, length = struct.unpack(">BBH", self._read(8)[:4])
            parts.append(self._read(length - 8))
            if status & 1:
                return kind, b"".join(parts)

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            chunk = self._read_some(count - len(found))
            if not chunk:
                raise EOFError
            found += chunk
        return found

    def _read_some(self, count: int) -> bytes:
        if self._tls is None:
            return self._link.recv(count)
        while True:
            try:
                return self._tls.read(count)
            except ssl.SSLWantReadError:
                chunk = self._link.recv(65536)
                if not chunk:
                    return b""
                self._incoming.write(chunk)

    def _send(self, tokens: bytes, *, is_last: bool = True) -> None:
        data = b""
        size = 4000
        pieces = [tokens[start : start + size] for start in range(0, len(tokens), size)] or [b""]
        for number, piece in enumerate(pieces):
            data += _packet(ANSWER, piece, is_last=is_last and number == len(pieces) - 1)
        if self._tls is None:
            self._server.send(self._link, data)
            return
        self._tls.write(data)
        self._link.sendall(self._outgoing.read())


def _packet(kind: int, payload: bytes, *, is_last: bool = True) -> bytes:
    return struct.pack(">BBHHBB", kind, int(is_last), len(payload) + 8, 0, 1, 0) + payload


def _prelogin(encryption: int) -> bytes:
    options = ((0, bytes([16, 0, 16, 0, 0, 0])), (1, bytes([encryption])), (2, b"\0"), (4, b"\0"))
    offset = 5 * len(options) + 1
    head, body = b"", b""
    for token, value in options:
        head += struct.pack(">BHH", token, offset + len(body), len(value))
        body += value
    return head + b"\xff" + body


def _encryption(payload: bytes) -> int:
    position = 0
    while payload[position] != 0xFF:
        token, offset, _ = struct.unpack_from(">BHH", payload, position)
        if token == 1:
            return payload[offset]
        position += 5
    return NOT_SUPPORTED


def _login(payload: bytes) -> Login:
    """Read LOGIN7: [MS-TDS] 2.2.6.4; a password is swapped by nibbles and XORed with A5."""

    def text(index: int) -> bytes:
        offset, length = struct.unpack_from("<HH", payload, 36 + 4 * index)
        return payload[offset : offset + 2 * length]

    hidden = bytes((b ^ 0xA5) for b in text(2))
    password = bytes(((b << 4) | (b >> 4)) & 0xFF for b in hidden)
    return Login(
        username=text(1).decode("utf-16-le"),
        password=password.decode("utf-16-le"),
        application=text(3).decode("utf-16-le"),
        database=text(8).decode("utf-16-le"),
        is_read_only=bool(payload[26] & 0x20),
    )


def _statement(kind: int, payload: bytes) -> str:
    (headers,) = struct.unpack_from("<I", payload)
    body = payload[headers:]
    text = body.decode("utf-16-le", errors="replace")
    if kind == BATCH:
        return text
    # Parameters of sp_prepexec and sp_executesql: the longest run of readable text is the SQL.
    readable = max((bytes(body[i:]).decode("utf-16-le", "replace") for i in (0, 1)), key=_sql_in)
    sql = max(re.findall(r"[\x20-\x7e\n\r\t]{8,}", readable), key=len, default="")
    if "@P1" in sql and body[-7:-4] == b"\x26\x04\x04":
        # The last parameter is an INTN of four bytes: both drivers send an int of Python so.
        sql = sql.replace("@P1", str(int.from_bytes(body[-4:], "little")))
    return sql


def _sql_in(text: str) -> int:
    return len(max(re.findall(r"[\x20-\x7e\n\r\t]+", text), key=len, default=""))


def _text(value: str, size: str = "<B") -> bytes:
    return struct.pack(size, len(value)) + value.encode("utf-16-le")


def _token(kind: int, body: bytes) -> bytes:
    return struct.pack("<BH", kind, len(body)) + body


def _error(error: ServerError) -> bytes:
    return b"".join(_one_error(item) for item in (error, *error.then))


def _one_error(error: ServerError) -> bytes:
    body = struct.pack("<iBB", error.number, error.state, error.severity)
    return _token(
        0xAA, body + _text(error.message, "<H") + _text("tests") + _text("") + b"\1\0\0\0"
    )


def _acknowledged() -> bytes:
    return _token(
        0xAD, b"\x01\x74\x00\x00\x04" + _text("Microsoft SQL Server") + b"\x10\x00\x10\x00"
    )


def _database(name: str) -> bytes:
    return _token(0xE3, b"\x01" + _text(name) + _text("master")) + _token(
        0xE3, b"\x04" + _text("4096") + _text("4096")
    )


def _route(host: str, port: int) -> bytes:
    """Return the ENVCHANGE that sends a client on to another server: [MS-TDS] 2.2.7.9."""
    value = struct.pack("<BH", 0, port) + _text(host, "<H")
    return _token(0xE3, b"\x14" + struct.pack("<H", len(value)) + value + b"\0\0")


def _done(*, error: bool = False, status: int = 0, count: int = 0) -> bytes:
    return _DONE.pack(0xFD, status | (2 if error else 0) | (0x10 if count else 0), 0, count)


_COLLATION = b"\x09\x04\xd0\x00\x34"


def _result(rows: Rows) -> bytes:
    kinds = [
        next((type(row[index]) for row in rows.values if row[index] is not None), str)
        for index in range(len(rows.columns))
    ]
    out = struct.pack("<BH", 0x81, len(kinds))
    for name, kind in zip(rows.columns, kinds, strict=True):
        out += b"\0\0\0\0" + b"\x09\x00" + _type(kind) + _text(name)
    for row in rows.values:
        out += b"\xd1"
        for value, kind in zip(row, kinds, strict=True):
            out += _value(value, kind)
    return out + _done(count=len(rows.values))


def _type(kind: type) -> bytes:
    if kind is bool:
        return b"\x68\x01"
    if kind is int:
        return b"\x26\x08"
    if kind is datetime:
        return b"\x6f\x08"
    if kind is bytes:
        return b"\xa5" + struct.pack("<H", 8000)
    return b"\xe7" + struct.pack("<H", 8000) + _COLLATION


def _value(value: Any, kind: type) -> bytes:
    if value is None:
        return b"\x00" if kind in (bool, int, datetime) else b"\xff\xff"
    if kind is bool:
        return b"\x01" + bytes([bool(value)])
    if kind is int:
        return b"\x08" + struct.pack("<q", value)
    if kind is datetime:
        past = value - _EPOCH
        return b"\x08" + struct.pack("<iI", past.days, past.seconds * 300)
    encoded = value if kind is bytes else str(value).encode("utf-16-le")
    return struct.pack("<H", len(encoded)) + encoded
