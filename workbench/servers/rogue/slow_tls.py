"""Handshakes of TLS that are sound up to a record, and then come a byte at a time."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable

from workbench.servers.rogue import mysql
from workbench.servers.rogue.drip import Drip, of_tds

RECORDS_1_2 = ("ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone")
RECORDS_1_3 = (
    "ServerHello",
    "ChangeCipherSpec",
    "EncryptedExtensions",
    "Certificate",
    "CertificateVerify",
    "Finished",
)
ENDS_1_2 = ("ticket", "ChangeCipherSpec", "Finished")
_PRELOGIN, _ANSWER = 18, 4


def of_tls(data: bytes) -> int:
    """Return the length of a record (RFC 8446, 5.1)."""
    return 5 + int.from_bytes(data[3:5], "big")


def of_tls_in_tds(data: bytes) -> int:
    """Return the length of a packet of TDS, or of the head of one and of the records in it."""
    if data[0] == _ANSWER:
        return of_tds(data)
    return 8 if data[0] == _PRELOGIN else of_tls(data)


def handshake(link: socket.socket, context: ssl.SSLContext, send: Drip) -> None:
    """Make TLS with a client; `send` decides how the records come."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        is_done = False
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            is_done = True
        send(link, outgoing.read())
        if is_done:
            return
        said = link.recv(65536)
        if not said:
            raise EOFError
        incoming.write(said)


def answering(
    before: Callable[[socket.socket], None], context: ssl.SSLContext, drip: Drip
) -> Callable[[socket.socket], None]:
    """Return how a port answers that makes TLS slowly after what its protocol says first."""

    def answer(link: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            before(link)
            handshake(link, context, drip)

    return answer


def at_once(link: socket.socket) -> None:
    """Begin with TLS, as a TCPS address of Oracle's does."""


def as_mysql(link: socket.socket) -> None:
    """Greet as a server with TLS, and take the client's request for it (a packet of 32 bytes)."""
    link.sendall(mysql.framed(mysql.greeting(has_tls=True), 0))
    link.recv(36, socket.MSG_WAITALL)


def as_postgresql(link: socket.socket) -> None:
    """Take SSLRequest, and agree."""
    link.recv(8, socket.MSG_WAITALL)
    link.sendall(b"S")
