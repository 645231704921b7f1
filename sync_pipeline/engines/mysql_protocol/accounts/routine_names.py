"""The names of `mysql.procs_priv`, which both servers store in another encoding. Pure.

They store the UTF-8 of these names as if it were latin1 (seen on MariaDB 10.11 and MySQL 9.7;
sql_acl.cc, replace_routine_table). They honour such a grant, and SHOW GRANTS names it, until they
load the table again. A name takes a character of its column for each byte then, and what finds no
place is lost: of MySQL's 32 for users, and of both products' 64 for databases and routines.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

_USER_COLUMN = 32
_OBJECT_COLUMN = 64


def from_latin1(text: str) -> str:
    """Read the bytes behind a stored name as UTF-8; one that is none stays as it is."""
    if text.isascii():
        return text
    try:
        return _stored(text).decode(errors="ignore" if is_cut(text) else "strict")
    except UnicodeError:
        return text


def is_cut(text: str) -> bool:
    """Return whether a stored name of a database or routine may have lost its end."""
    return len(text) >= _OBJECT_COLUMN and not text.isascii()


def holders(
    user: str, host: str, accounts: Collection[tuple[str, str]]
) -> Sequence[tuple[str, str]]:
    """Return whose grant a row is: several where the end that tells them apart is lost."""
    name = from_latin1(user)
    if len(user) < _USER_COLUMN or user.isascii() or (name, host) in accounts:
        return [(name, host)]
    try:
        begin = _stored(user)
    except UnicodeError:
        return [(name, host)]
    same = [item for item in accounts if item[1] == host and item[0].encode().startswith(begin)]
    return sorted(same) or [(name, host)]


def _stored(text: str) -> bytes:
    """Return the bytes behind a stored name, or raise UnicodeError."""
    return b"".join(map(_latin1_byte, text))


def _latin1_byte(character: str) -> bytes:
    """Return a byte of what the servers call latin1: cp1252, its gaps filled with C1."""
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")
