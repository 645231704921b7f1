"""How names of SQL Server are written: accounts, and statements that people run."""

from __future__ import annotations

import re

from sync_pipeline.engines.base import UNWRITABLE

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


SHARED = "MULTI_USER"
"""The mode of a database that anybody may open (sys.databases, user_access_desc)."""


def quoted(text: str) -> str:
    """Return a text as a literal of Unicode characters."""
    return "N'" + text.replace("'", "''") + "'"


def bracketed(name: str) -> str:
    """Return a name as a delimited identifier, as QUOTENAME writes it."""
    return "[" + name.replace("]", "]]") + "]"


def written(name: str) -> str:
    """Return a name as statements for people write it.

    Not one that holds a line break or another control character: sqlcmd and Management
    Studio read what they run line by line, where GO ends a batch and !! starts a program.
    """
    return UNWRITABLE if _CONTROL.search(name) else bracketed(name)


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
    return f"GRANT {permission} TO {written(username)};"


def opens_database(database: str, username: str) -> str:
    """Return what lets an account into a database, also where the one GRANT may not be given.

    Amazon RDS and Cloud SQL keep CONNECT ANY DATABASE from their administrators.
    """
    user = written(username)
    return (
        f"{grant_server('CONNECT ANY DATABASE', username)} Where that may not be granted (Amazon "
        f"RDS, Cloud SQL): USE {written(database)}; CREATE USER {user} FOR LOGIN {user};"
    )


def in_azure_database(database: str, statement: str) -> str:
    """Return a statement with the database that it must run in, where there is no USE.

    A name that would end the comment is not written.
    """
    name = written(database or "master")
    ends = "*/" in name or "/*" in name
    return f"/* in database {UNWRITABLE if ends else name} */ {statement}"


def joins_role(role: str, username: str) -> str:
    """Return the statement that adds an account to a role of a logical server."""
    text = f"ALTER SERVER ROLE {bracketed(role)} ADD MEMBER {written(username)};"
    return in_azure_database("master", text)


def opens_azure_database(database: str, username: str) -> str:
    """Return what lets an account into a database of a logical server."""
    user = written(username)
    only = in_azure_database(database, f"CREATE USER {user} FOR LOGIN {user};")
    return f"{joins_role('##MS_DatabaseConnector##', username)} Or into this one alone: {only}"


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
