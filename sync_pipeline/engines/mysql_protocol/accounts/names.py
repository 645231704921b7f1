"""Names of accounts, unambiguous for every character that a server allows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sync_pipeline.engines.base import UNWRITABLE

_PART = r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`]|``)*`|[^\s@,'"`]+"""
_ACCOUNT = re.compile(rf"\s*(?P<user>{_PART})(?:\s*@\s*(?P<host>{_PART}))?\s*(?:,|$)", re.DOTALL)


def quoted(text: str) -> str:
    """Return text in single quotes, its own quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name in backticks, its own doubled."""
    return "`" + name.replace("`", "``") + "`"


def written(name: str) -> str:
    """Return a part of an account's name as statements write it, in every sql_mode.

    In quotes a backslash means what NO_BACKSLASH_ESCAPES says; in backticks it is one.
    """
    if "\0" in name:
        return UNWRITABLE
    return identifier(name) if "\\" in name else quoted(name)


def written_account(user: str, host: str) -> str:
    """Return an account as statements write it, in every sql_mode."""
    return f"{written(user)}@{written(host)}"


def account_name(user: str, host: str) -> str:
    """Return `'user'@'host'`, the name in the store; an anonymous one is `''@'host'`."""
    return f"{quoted(user)}@{quoted(host)}"


def account_list(text: str) -> Iterator[tuple[str, str]]:
    """Yield the accounts of a list as SQL writes it, host `%` where none is given.

    Source: MySQL 8.4 Reference Manual, 8.2.4 Specifying Account Names. What can't be
    read ends the list: the server takes no such value.
    """
    position = 0
    while match := _ACCOUNT.match(text, position):
        yield _plain(match["user"]), _plain(match["host"]) if match["host"] else "%"
        position = match.end()
        if position == len(text):
            return


def _plain(part: str) -> str:
    quote = part[0]
    if quote not in "'\"`":
        return part
    inner = part[1:-1].replace(quote * 2, quote)
    return inner if quote == "`" else re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)
