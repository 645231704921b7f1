"""What people mean when they name an object of MySQL or MariaDB."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.engines.mysql_protocol.access.levels import ROUTINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Securable, SecurableKind

_HINT = (
    "Write database, database.table, database.table.column, *.* for the server, or a kind "
    "before it: procedure:database.name."
)
_SERVER_WORDS = ("*", "*.*", "server", "server:", "server:*.*")
_KINDS = {
    "database": (SecurableKind.DATABASE, 1),
    "schema": (SecurableKind.DATABASE, 1),
    "database pattern": (SecurableKind.DATABASE_PATTERN, 1),
    "table": (SecurableKind.TABLE, 2),
    "view": (SecurableKind.TABLE, 2),
    "sequence": (SecurableKind.TABLE, 2),
    "column": (SecurableKind.COLUMN, 3),
    **{str(kind): (kind, 2) for kind in ROUTINES},
}
"""Kinds, and how many parts their names have. Grants on views are grants on tables."""
_BY_PARTS = (SecurableKind.DATABASE, SecurableKind.TABLE, SecurableKind.COLUMN)


def securables_of(text: str, accounts: Iterable[AccountState]) -> tuple[Securable, ...]:
    """Return what a text names, most likely first.

    A database or table need not be in any grant. An account (`account:'user'@'host'`, to
    ask for PROXY) must be known.

    Raises:
        ConfigurationError: it can't be read, or names an account that is not known.
    """
    cleaned = text.strip()
    if cleaned.lower() in _SERVER_WORDS:
        return (Securable(SecurableKind.SERVER),)
    head, colon, rest = cleaned.partition(":")
    if colon and head.strip().lower() == "account":
        return (_account(rest.strip(), accounts),)
    try:
        kind, parts = split_kind(cleaned)
    except ValueError as error:
        raise ConfigurationError(f"The object can't be read: {error}.", hint=_HINT) from error
    if parts[-1:] == ("*",) and len(parts) > 1:
        parts = parts[:-1]
    if kind:
        return (_of_kind(text, kind.lower(), parts),)
    return _guessed(text, parts, accounts)


def _of_kind(text: str, kind: str, parts: tuple[str, ...]) -> Securable:
    if kind not in _KINDS:
        known = ", ".join(sorted((*_KINDS, "account", "server")))
        raise ConfigurationError(f"{kind!r} is no kind of object here.", hint=f"Kinds: {known}.")
    found, length = _KINDS[kind]
    if len(parts) != length:
        raise ConfigurationError(
            f"{text!r} has {len(parts)} parts; the name of a {found} has {length}.", hint=_HINT
        )
    return _securable(found, parts)


def _guessed(
    text: str, parts: tuple[str, ...], accounts: Iterable[AccountState]
) -> tuple[Securable, ...]:
    if not 1 <= len(parts) <= len(_BY_PARTS):
        raise ConfigurationError(f"{text!r} names no object.", hint=_HINT)
    likely = _securable(_BY_PARTS[len(parts) - 1], parts)
    others = {
        grant.securable: None
        for state in accounts
        for grant in state.grants
        if _is_other(grant.securable, parts)
    }
    return (likely, *sorted(others))


def _is_other(on: Securable, parts: tuple[str, ...]) -> bool:
    if on.kind is SecurableKind.DATABASE_PATTERN:
        return parts == (on.database,)
    return on.kind in ROUTINES and parts == (on.database, on.name)


def _securable(kind: SecurableKind, parts: tuple[str, ...]) -> Securable:
    database, name, column = (*parts, "", "")[:3]
    return Securable(kind, database, "", name, column)


def _account(name: str, accounts: Iterable[AccountState]) -> Securable:
    known = {state.name for state in accounts}
    if name not in known:
        raise ConfigurationError(
            f"No account {name} is known here.", hint="Write it as 'user'@'host'."
        )
    return Securable(SecurableKind.ACCOUNT, name=name)
