"""Answers that a server may send to the query of its identity, and no sound one does."""

from __future__ import annotations

from workbench.servers.rogue import mysql, postgresql, tds
from workbench.servers.tds import Rows

MYSQL: dict[str, list[bytes]] = {
    "no row": [*mysql.head("version", "comment"), mysql.EOF],
    "two rows": [*mysql.head("version", "comment"), *[b"\1a\1b"] * 2, mysql.EOF],
    "nulls": [*mysql.head("version", "comment"), b"\xfb\xfb", mysql.EOF],
    "other columns": [*mysql.head("a", "b", "c"), b"\1a\1b\1c", mysql.EOF],
    "no result": [mysql.OK],
    "not UTF-8": [*mysql.head("version", "comment"), b"\2\xff\xfe\1b", mysql.EOF],
    "a short row": [*mysql.head("version", "comment"), b"\x0aab", mysql.EOF],
    "no columns": [b"\xfb"],
    "an empty packet": [b""],
    "a request for a file": [b"\xfb/etc/passwd"],
    "a huge number": [
        *mysql.head("version", "comment"),
        mysql.text(b"9" * 5000 + b".9.9-MariaDB") + b"\1x",
        mysql.EOF,
    ],
}
_COLUMNS = ("product", "version", "version_number", "tls")
_SOUND = (b"PostgreSQL 16", b"16", b"160001", None)
POSTGRESQL: dict[str, list[bytes]] = {
    "no row": [postgresql.description(*_COLUMNS), postgresql.DONE],
    "two rows": [
        postgresql.description(*_COLUMNS),
        *[postgresql.row(*_SOUND)] * 2,
        postgresql.DONE,
    ],
    "nulls": [
        postgresql.description(*_COLUMNS),
        postgresql.row(None, None, None, None),
        postgresql.DONE,
    ],
    "other columns": [
        postgresql.description("a"),
        postgresql.row(b"x"),
        postgresql.DONE,
    ],
    "no result": [postgresql.DONE],
    "not UTF-8": [
        postgresql.description(*_COLUMNS),
        postgresql.row(b"\xff\xfe", b"16", b"160001", None),
        postgresql.DONE,
    ],
    "no number": [
        postgresql.description(*_COLUMNS, kind=23),
        postgresql.row(b"x", b"y", b"z", b"w"),
        postgresql.DONE,
    ],
    "a huge number": [
        postgresql.description(*_COLUMNS),
        postgresql.row(b"PostgreSQL 16", b"16", b"9" * 5000, None),
        postgresql.DONE,
    ],
    "an array without an end": [
        postgresql.description(*_COLUMNS, kind=1009),
        postgresql.row(*[b"{" * 3000] * 4),
        postgresql.DONE,
    ],
    "a copy": [postgresql.message(b"H", b"\0\0\0")],
    "an empty query": [postgresql.message(b"I"), postgresql.READY],
    "a name that is not UTF-8": [
        postgresql.message(
            b"T", b"\0\1\xff\xff\0" + b"\0" * 6 + b"\0\0\0\x19" + b"\xff\xff" * 3 + b"\0\0"
        ),
        postgresql.row(b"x"),
        postgresql.DONE,
    ],
}
TDS: dict[str, Rows | None] = {
    "no row": tds.identity(),
    "nulls": tds.identity(None, None, None),
    "no number": tds.identity("16.0.1", "three", "Developer"),
    "no version": tds.identity("", 3, "Developer"),
    "other columns": Rows(("a",), [("x",)]),
    "no result": None,
}
