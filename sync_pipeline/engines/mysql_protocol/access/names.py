"""Accounts and objects as statements name them: runnable whatever the names hold."""

from __future__ import annotations

import re
from functools import lru_cache

from sync_pipeline.engines.mysql_protocol.access.levels import DATABASES, ROUTINES
from sync_pipeline.engines.mysql_protocol.accounts.names import identifier, written_account
from sync_pipeline.model.privilege import Securable, SecurableKind

_REMEMBERED = 4096
_ACCOUNT = re.compile(r"'(?P<user>(?:[^']|'')*)'@'(?P<host>(?:[^']|'')*)'", re.DOTALL)


@lru_cache(maxsize=_REMEMBERED)
def user_and_host(account: str) -> tuple[str, str] | None:
    """Return the parts of `'user'@'host'`; None: the name is a role's of MariaDB."""
    found = _ACCOUNT.fullmatch(account)
    if found is None:
        return None
    return found["user"].replace("''", "'"), found["host"].replace("''", "'")


def principal(account: str) -> str:
    """Return an account, or a role of MariaDB, as a statement names it."""
    parts = user_and_host(account)
    if parts is not None:
        return written_account(*parts)
    if account.startswith("'") and account.endswith("'"):
        account = account[1:-1].replace("''", "'")
    return identifier(account)


def object_clause(on: Securable) -> str:
    """Return what stands after ON in GRANT and REVOKE.

    The name of a database is a pattern there, as it is in a grant: nothing is added to it.
    """
    if on.kind is SecurableKind.SERVER:
        return "*.*"
    if on.kind is SecurableKind.ACCOUNT:
        return principal(on.name)
    if on.kind in DATABASES:
        return f"{identifier(on.database)}.*"
    path = f"{identifier(on.database)}.{identifier(on.name)}"
    return f"{str(on.kind).upper()} {path}" if on.kind in ROUTINES else path
