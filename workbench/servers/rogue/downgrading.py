"""Somebody on the way to a real MySQL or MariaDB, who takes the offer of TLS away.

Source: MySQL Server Doxygen, "Protocol::HandshakeV10" and its capability flags.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from workbench.servers.rogue.listening import Heard, Line, rogue

_OFFERS_TLS = 0x08  # of the second byte of the flags
NATIVE, CACHING = b"mysql_native_password", b"caching_sha2_password"


def on_the_way(
    host: str, port: int, *, changes_plugin: bool = False
) -> contextlib.AbstractContextManager[Heard]:
    """Pass on what client and server say, but for the offer of TLS.

    With `changes_plugin` the client takes another plugin for the server's own, so that the
    server has to ask it to switch.
    """
    return rogue(_passing_on(host, port, changes_plugin=changes_plugin))


def _passing_on(host: str, port: int, *, changes_plugin: bool) -> Callable[[Line], None]:
    def serve(line: Line) -> None:
        with socket.create_connection((host, port), 5) as server:
            greeting = _without_tls(server.recv(4096))
            line.send(greeting.replace(CACHING, NATIVE) if changes_plugin else greeting)
            with _answers(server, line):
                while said := line.read_some():
                    server.sendall(said)

    return serve


@contextlib.contextmanager
def _answers(server: socket.socket, line: Line) -> Iterator[None]:
    def pass_on() -> None:
        with contextlib.suppress(OSError):
            while said := server.recv(65536):
                line.send(said)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _without_tls(greeting: bytes) -> bytes:
    version_ends = greeting.index(b"\0", 5)
    flags = version_ends + 1 + 4 + 8 + 1
    changed = bytearray(greeting)
    changed[flags + 1] &= ~_OFFERS_TLS
    return bytes(changed)
