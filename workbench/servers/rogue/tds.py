"""What a SQL Server that means harm answers with: tokens of [MS-TDS] 2.2.7."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from workbench.servers.tds import Rows, _token

_COLLATION = b"\x09\x04\xd0\x00\x34"
_LONG_TEXT = b"\xe7\xff\xff" + _COLLATION


def metadata(columns: Sequence[str], kind: bytes = b"\xe7\x40\x1f" + _COLLATION) -> bytes:
    """Return the token of columns, of nvarchar(4000) or another type."""
    out = struct.pack("<BH", 0x81, len(columns))
    for name in columns:
        out += b"\0\0\0\0\x09\x00" + kind + bytes([len(name)]) + name.encode("utf-16-le")
    return out


def endless_rows() -> Iterator[bytes]:
    """Yield rows for ever."""
    yield metadata(["product_version", "engine_edition", "edition"])
    value = "x".encode("utf-16-le") * 20
    row = b"\xd1" + (struct.pack("<H", len(value)) + value) * 3
    while True:
        yield row * 500


def endless_value() -> Iterator[bytes]:
    """Yield one value of nvarchar(max) for ever, in chunks of unknown total: 2.2.5.2.3."""
    yield metadata(["product_version"], _LONG_TEXT)
    yield b"\xd1" + struct.pack("<Q", 0xFFFFFFFFFFFFFFFE)
    chunk = b"x\0" * 32_000
    while True:
        yield struct.pack("<I", len(chunk)) + chunk


def many_columns() -> Iterator[bytes]:
    """Yield more columns than a result can have, and a row."""
    names = ["c"] * 5_000
    yield metadata(names) + b"\xd1" + b"\2\0x\0" * len(names)


def endless_messages() -> Iterator[bytes]:
    """Yield information messages for ever."""
    text = "a message".encode("utf-16-le")
    body = struct.pack("<iBBH", 5701, 1, 0, len(text) // 2) + text + b"\0\0" + b"\1\0\0\0"
    while True:
        yield _token(0xAB, body) * 100


def identity(*values: object) -> Rows:
    """Return a row of the query of the identity."""
    return Rows(("product_version", "engine_edition", "edition"), [values] if values else [])
