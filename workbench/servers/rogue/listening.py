"""A port whose server keeps all that it was told, and the forms of a password in it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SECONDS = 5.0


@dataclass
class Heard:
    """What a rogue was told on its port, decrypted where it could be.

    `asked` counts how often it got as far as asking for the password.
    """

    port: int
    data: bytearray = field(default_factory=bytearray)
    asked: int = 0

    def forms(self, password: str, username: str) -> list[str]:
        """Return the names of the forms of the password that were heard."""
        said = bytes(self.data)
        return [name for name, form in forms_of(password, username).items() if form in said]


def forms_of(password: str, username: str) -> dict[str, bytes]:
    """Return what a password can be read from, or stands for it at another server."""
    plain, wide = password.encode(), password.encode("utf-16-le")
    md5 = hashlib.md5(plain + username.encode()).hexdigest().encode()
    sha1, sha256 = hashlib.sha1(plain).digest(), hashlib.sha256(plain).digest()
    return {
        "plain": plain,
        "wide": wide,
        # [MS-TDS] 2.2.6.4: swapped by nibbles, then XORed with A5.
        "login packet": bytes((((b << 4) | (b >> 4)) & 0xFF) ^ 0xA5 for b in wide),
        "base64": base64.b64encode(plain),
        "hex": plain.hex().upper().encode(),
        "md5": md5,
        "md5 answer": hashlib.md5(md5 + SALT).hexdigest().encode(),
        "sha1": sha1,
        "sha1 of sha1": hashlib.sha1(sha1).digest(),
        "sha256": sha256,
        "sha256 of sha256": hashlib.sha256(sha256).digest(),
    }


SALT = b"\x01\x02\x03\x04"
"""The salt of a rogue that asks for an MD5 answer."""


class Line:
    """One connection of a client."""

    def __init__(self, link: socket.socket, heard: Heard) -> None:
        self._link = link
        self._heard = heard

    def read(self, count: int) -> bytes:
        """Read so many bytes and keep them."""
        found = b""
        while len(found) < count:
            chunk = self._link.recv(count - len(found))
            if not chunk:
                raise EOFError
            found += chunk
            self._heard.data += chunk
        return found

    def read_some(self) -> bytes:
        """Read what there is, nothing at the end."""
        chunk = self._link.recv(65536)
        self._heard.data += chunk
        return chunk

    def send(self, data: bytes) -> None:
        """Send."""
        self._link.sendall(data)

    def keep(self, data: bytes) -> None:
        """Keep what was found out from what was read."""
        self._heard.data += data

    def asks(self) -> None:
        """Note that the password is asked for now."""
        self._heard.asked += 1

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on over TLS."""
        self._link = context.wrap_socket(self._link, server_side=True)

    def close(self) -> None:
        """Hang up."""
        self._link.close()


@contextlib.contextmanager
def rogue(serve: Callable[[Line], None]) -> Iterator[Heard]:
    """Run a rogue for the length of a block; all it heard is there after the block."""
    links: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def handle(link: socket.socket) -> None:
        line = Line(link, heard)
        with contextlib.suppress(OSError, EOFError):
            serve(line)
        with contextlib.suppress(OSError):
            line.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                link.settimeout(SECONDS)
                links.append(link)
                threads.append(threading.Thread(target=handle, args=(link,), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard = Heard(listener.getsockname()[1])
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(SECONDS)
            for thread in threads:
                thread.join(2 * SECONDS)
            for link in links:
                link.close()
