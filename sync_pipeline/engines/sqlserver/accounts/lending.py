"""What of a database lets rights in it count elsewhere: TRUSTWORTHY and DB_CHAINING.

Sources: SQL Server documentation, TRUSTWORTHY database property; cross db ownership chaining
(server configuration option); ALTER DATABASE SET options (Transact-SQL): both are off, but for
msdb's TRUSTWORTHY, and for the chaining of master, msdb and tempdb.
"""

from __future__ import annotations

from collections.abc import Mapping

from sync_pipeline.model.account import AccountState

TRUSTWORTHY = "is_trustworthy_on"
CHAINING = "is_db_chaining_on"
_ON_BY_DEFAULT = {TRUSTWORTHY: ("msdb",), CHAINING: ("master", "msdb", "tempdb")}


def lending(
    database: str, *, is_trustworthy_on: bool, is_db_chaining_on: bool
) -> Mapping[str, bool]:
    """Return what dbo of a database keeps: what is not as it is by default, and no more."""
    found = {TRUSTWORTHY: is_trustworthy_on, CHAINING: is_db_chaining_on}
    return {name: is_on for name, is_on in found.items() if is_on != _default(name, database)}


def lends(dbo: AccountState | None, database: str, name: str) -> bool:
    """Return whether one of the two is on, by what dbo of the database keeps."""
    kept = dict(dbo.attributes).get(name) if dbo else None
    return _default(name, database) if kept is None else bool(kept)


def _default(name: str, database: str) -> bool:
    return database in _ON_BY_DEFAULT[name]
