"""How principals are named as accounts, and how names are written in statements."""

from __future__ import annotations


def quoted(name: str) -> str:
    """Return a delimited identifier (QUOTENAME (Transact-SQL))."""
    return "[" + name.replace("]", "]]") + "]"


def server_account(name: str) -> str:
    """Return the account name of a server principal."""
    return quoted(name) if name.startswith("[") else name


def database_account(database: str, name: str) -> str:
    """Return the account name of a database principal."""
    return f"{quoted(database)}.{quoted(name)}"


def split_account(account: str) -> tuple[str, str]:
    """Return the database of an account (empty: the server's) and the principal's own name."""
    if not account.startswith("["):
        return "", account
    first, rest = _delimited(account)
    if rest.startswith(".["):
        second, rest = _delimited(rest[1:])
        return (first, second) if not rest else ("", account)
    return ("", first) if not rest else ("", account)


def _delimited(text: str) -> tuple[str, str]:
    """Return the name in the brackets at the start of a text, and what follows them."""
    end = 1
    while True:
        end = text.find("]", end)
        if end < 0:
            return text, ""
        if text[end : end + 2] != "]]":
            return text[1:end].replace("]]", "]"), text[end + 1 :]
        end += 2
