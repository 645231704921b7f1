"""How names of SQL Server are written: accounts, and statements that people run."""

from __future__ import annotations


def bracketed(name: str) -> str:
    """Return a name as a delimited identifier, as QUOTENAME writes it."""
    return "[" + name.replace("]", "]]") + "]"


def login_name(name: str) -> str:
    """Return the account name of a server principal.

    It is the plain name; one that begins with a bracket is delimited, so that it can
    never be taken for a principal of a database.
    """
    return bracketed(name) if name.startswith("[") else name


def principal_name(database: str, name: str) -> str:
    """Return the account name of a principal of a database."""
    return f"{bracketed(database)}.{bracketed(name)}"


def grant_server(permission: str, username: str) -> str:
    """Return the statement that grants a permission on the server."""
    return f"GRANT {permission} TO {bracketed(username)};"
