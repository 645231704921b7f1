"""Names of accounts, unambiguous for every character that a server allows."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return text in single quotes, its own quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def account_name(user: str, host: str) -> str:
    """Return `'user'@'host'`; an anonymous account is `''@'host'`."""
    return f"{quoted(user)}@{quoted(host)}"
