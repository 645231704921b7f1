"""The `denies` of `mysql.global_priv.Priv`: what DENY took from an account. Pure.

MariaDB 13.1 keeps the denies of every level here, beside `access` (MDEV-14443; MariaDB
documentation, mysql.global_priv Table, The denies Field; read in the source of 13.1,
sql/sql_acl.cc, `deny_entry_from_json`). No such server could be had: this rests on the two.

    {"type": "column", "db": "hr", "table": "staff", "column": "salary", "bits": 1}

`type` is the level, `bits` are those of `access`. A database is named as it is: no pattern.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sync_pipeline.engines.mariadb.accounts.bits import BITS, GRANT_BIT, effective_access, number_of
from sync_pipeline.engines.mariadb.accounts.stored import whole_number
from sync_pipeline.engines.mysql_protocol.accounts.json_text import elements, shown
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

KNOWS_DENIES = (13, 1)
"""Older servers ignore the key: what stands there denies nothing."""
GRANT_OPTION = "GRANT OPTION"
_SERVER = Securable(SecurableKind.SERVER)
_LEVELS = {
    "db": (SecurableKind.DATABASE, ()),
    "table": (SecurableKind.TABLE, ("table",)),
    "column": (SecurableKind.COLUMN, ("table", "column")),
    "function": (SecurableKind.FUNCTION, ("function",)),
    "procedure": (SecurableKind.PROCEDURE, ("procedure",)),
    "package": (SecurableKind.PACKAGE, ("package",)),
    "package body": (SecurableKind.PACKAGE_BODY, ("package body",)),
}
"""The kind of each level, and the keys that name its object beside `db`."""


def denied_grants(denies: str | None, written_by: int, version: tuple[int, ...]) -> Iterator[Grant]:
    """Yield a deny for each privilege of each entry; none on a server that knows no denies.

    `written_by` is the `version_id` of the row. An entry that can't be read is kept, flagged:
    a server skips it, and lets pass what it was to deny.
    """
    if version < KNOWS_DENIES:
        return
    for entry in elements(denies):
        securable = _securable(entry)
        bits = entry.get("bits") if isinstance(entry, Mapping) else None
        if securable is None or not isinstance(bits, int) or isinstance(bits, bool):
            yield Grant(_SERVER, shown("denies", entry), deny=True, recognised=False)
        else:
            yield from _denied(securable, whole_number(str(bits)), written_by, version)


def _securable(entry: object) -> Securable | None:
    if not isinstance(entry, Mapping):
        return None
    level = entry.get("type")
    if level == "global":
        return _SERVER
    kind, keys = _LEVELS.get(level, (None, ())) if isinstance(level, str) else (None, ())
    database, *names = (entry.get(key) for key in ("db", *keys))
    if kind is None or not all(isinstance(name, str) and name for name in (database, *names)):
        return None
    name, column = (*names, "", "")[:2]
    return Securable(kind, str(database), "", str(name), str(column))


def _denied(on: Securable, bits: int, written_by: int, version: tuple[int, ...]) -> Iterator[Grant]:
    """Yield a deny for each bit; those of the server are read by the version that wrote them."""
    honoured, ignored = bits % (1 << 64), 0
    if on.kind is SecurableKind.SERVER:
        honoured, ignored = effective_access(bits, written_by, number_of(version))
    for bit in range(64):
        word = GRANT_OPTION if bit == GRANT_BIT else BITS.get(bit)
        if honoured >> bit & 1:
            is_known = word is not None
            yield Grant(on, word or f"access bit {bit}", deny=True, recognised=is_known)
        elif ignored >> bit & 1:
            yield Grant(on, f"access bit {bit}", deny=True, recognised=False)
