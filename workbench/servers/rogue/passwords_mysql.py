"""A rogue that asks as MySQL and MariaDB do: MySQL Server Doxygen, "Connection Phase"."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from workbench.servers.rogue.listening import Line

NONCE = b"abcdefgh" + b"ijklmnopqrst"
_SSL, _LOW, _HIGH = 0x0800, 0xF7FF, 0xC7FF
MYSQL, MARIADB = "8.0.36", "10.11.6-MariaDB"
NATIVE, OLD = "mysql_native_password", "mysql_old_password"
CLEAR, DIALOG = "mysql_clear_password", "dialog"
SHA256, CACHING = "sha256_password", "caching_sha2_password"
PLUGINS = (NATIVE, OLD, CLEAR, DIALOG, SHA256, CACHING)
_TLS_REQUEST_BYTES = 32
_ASKS_FOR_KEY = (b"\x01", b"\x02")


def asking(
    plugin: str, context: ssl.SSLContext | None, version: str = MYSQL, *, at_once: bool = False
) -> Callable[[Line], None]:
    """Return a server that asks for a plugin, in its greeting (`at_once`) or by a switch.

    Its greeting says that its version is `version`.
    """

    def serve(line: Line) -> None:
        talk = _Talk(line)
        first = plugin if at_once else NATIVE
        talk.send(_greeting(version, first, offers_tls=context is not None))
        answer = talk.read()
        if context is not None and len(answer) == _TLS_REQUEST_BYTES:
            line.start_tls(context)
            answer = talk.read()
        line.asks()
        if not at_once:
            nonce = b"\x04Password: " if plugin == DIALOG else NONCE + b"\0"
            talk.send(b"\xfe" + plugin.encode() + b"\0" + nonce)
            answer = talk.read()
        if plugin == CACHING:
            talk.send(b"\x01\x04")
            answer = talk.read()
        if answer in _ASKS_FOR_KEY or (at_once and plugin == SHA256 and context is None):
            talk.send(b"\x01" + _public_key())
            talk.decrypt(talk.read())
        talk.send(b"\xff" + (1045).to_bytes(2, "little") + b"#28000Access denied")

    return serve


class _Talk:
    """Packets with their numbers."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._number = 0

    def send(self, payload: bytes) -> None:
        self._line.send(len(payload).to_bytes(3, "little") + bytes([self._number]) + payload)
        self._number += 1

    def read(self) -> bytes:
        head = self._line.read(4)
        self._number = head[3] + 1
        return self._line.read(int.from_bytes(head[:3], "little"))

    def decrypt(self, secret: bytes) -> None:
        """Read what was encrypted under our key, and masked with our nonce."""
        scheme = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        masked = _key().decrypt(secret, scheme)
        self._line.keep(bytes(b ^ NONCE[i % len(NONCE)] for i, b in enumerate(masked)))


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _public_key() -> bytes:
    return (
        _key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _greeting(version: str, plugin: str, *, offers_tls: bool) -> bytes:
    low = _LOW | (_SSL if offers_tls else 0)
    return (
        b"\x0a"
        + version.encode()
        + b"\0\x01\0\0\0"
        + NONCE[:8]
        + b"\0"
        + low.to_bytes(2, "little")
        + b"\x21\x02\0"
        + _HIGH.to_bytes(2, "little")
        + b"\x15"
        + bytes(10)
        + NONCE[8:]
        + b"\0"
        + plugin.encode()
        + b"\0"
    )
