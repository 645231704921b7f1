"""Patterns of database and host names, and which of several is the most specific.

Sources: MySQL 8.4 Reference Manual, 8.2.4 Specifying Account Names and 8.2.7 Access
Control, Stage 2; `get_sort` in MySQL's sql/auth/sql_auth_cache.cc; `get_magic_sort` in
MariaDB's sql/sql_acl_getsort.ic. Seen on MySQL 9.7 and MariaDB 10.11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from sync_pipeline.engines.mysql_protocol.accounts.hosts import covers, is_any_host

__all__ = [
    "covers",
    "is_any_host",
    "mariadb_weight",
    "matches",
    "mysql_weight",
    "unescaped",
]

_TOKEN = re.compile(r"\\(.)|(.)", re.DOTALL)
_WILDCARDS = {"%": ".*", "_": "."}
_LITERAL, _FIRST_WILDCARD_AT_MOST = 128, 127
_MANY_AT_MOST = 31
DATABASE_LENGTH, HOST_LENGTH = 64, 255


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = "".join(
        _WILDCARDS[plain] if plain in _WILDCARDS else re.escape(escaped or plain)
        for escaped, plain in _TOKEN.findall(pattern)
    )
    return re.compile(text, re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Return whether a whole name fits a pattern of `%`, `_` and backslash escapes."""
    return _compiled(pattern).fullmatch(name) is not None


def unescaped(pattern: str) -> str:
    """Return the one name that a pattern without wildcards stands for."""
    return "".join(escaped or plain for escaped, plain in _TOKEN.findall(pattern))


def mysql_weight(text: str) -> int:
    """Return how specific MySQL takes a pattern to be: more is more.

    A name without wildcards comes first, then patterns by the place of their first
    wildcard, then `%` alone, then nothing.
    """
    for place, plain in _places(text):
        if plain in _WILDCARDS:
            return min(place + 1 + (text != "%"), _FIRST_WILDCARD_AT_MOST)
    return _LITERAL if text else 0


def _places(text: str) -> Iterator[tuple[int, str]]:
    for found in _TOKEN.finditer(text):
        yield found.start(), found[2] or ""


def mariadb_weight(text: str, length: int) -> tuple[int, ...]:
    """Return how many names MariaDB takes a pattern to match: less is more specific.

    Compared are, of patterns whose `%` may stand for more characters than they have `_`:
    that number, the `%`, the `_`; of the others: the `_`, that number, the `%`; last the
    length of what comes before the first wildcard.
    """
    plain = single = many = prefix = 0
    previous = ""
    for escaped, char in _TOKEN.findall(text):
        if char in _WILDCARDS and not single and not many:
            prefix = plain
        if char == "%":
            many += previous != "%"
        elif char == "_":
            single += 1
        else:
            plain += 1
        previous = "" if escaped else char
    single, many = min(single, _MANY_AT_MOST), min(many, _MANY_AT_MOST)
    free = length - plain - single if many else 0
    if free > single:
        return free * 2 + 1, many, single, prefix
    return single * 2, free, many, prefix
