"""How names are written: of accounts of a container database, and in statements.

Oracle stores a name as it was created: in capitals, unless it was quoted (SQL Language
Reference, "Database Object Names and Qualifiers"). No identifier can hold a double quote.
"""

from __future__ import annotations

import re

from sync_pipeline.engines.base import UNWRITABLE

_PLAIN = re.compile(r"[A-Z0-9_$#]+")
_UNQUOTABLE = re.compile(r'["\x00-\x1f\x7f\x85\u2028\u2029]')
_UNQUOTED = re.compile(r"[A-Za-z][A-Za-z0-9_$#]*")

PUBLIC = "PUBLIC"
"""The account that stands for all users."""

COMMON_PREFIX = "C##"
"""What names of common users begin with, unless the parameter COMMON_USER_PREFIX differs."""


def part(name: str) -> str:
    """Return a part of an account's name, in double quotes where it could be misread."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def account_name(name: str, container: str, *, is_root: bool = False) -> str:
    """Return the name of an account: as stored, or qualified where the root was read.

    `container` is the pluggable database that holds it, empty for the one connected to.
    """
    if container:
        return f"{part(container)}.{part(name)}"
    return part(name) if is_root else name


def quoted(name: str) -> str:
    """Return a name in double quotes.

    Not one that holds a double quote, which no name of Oracle can (SQL Language Reference,
    "Database Object Naming Rules"), nor a control character: SQL*Plus reads a statement
    line by line, and one ends where a line ends with a semicolon.
    """
    return UNWRITABLE if _UNQUOTABLE.search(name) else f'"{name}"'


def identifier(name: str) -> str:
    """Return a name as people write it in a statement; what a user typed is not case-exact."""
    return name.upper() if _UNQUOTED.fullmatch(name) else quoted(name)


def is_common(name: str) -> bool:
    """Return whether a user is a common one of a container database, by its name."""
    return name.upper().startswith(COMMON_PREFIX)


def show_containers(username: str) -> str:
    """Return the statement that lets a common user see the rows of all containers."""
    return f"ALTER USER {identifier(username)} SET CONTAINER_DATA = ALL CONTAINER = CURRENT;"
