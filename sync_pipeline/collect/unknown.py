"""Say what of a server is newer than what its engine knows; none of it fails a sync."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sync_pipeline.collect.visibility import package_of
from sync_pipeline.engines.access.doubts import (
    MOST_NAMED,
    KeepsBytes,
    Known,
    named,
    newer_release,
    newest_tried,
    plain,
    unknown_things,
)
from sync_pipeline.engines.base import Connection, Engine, sql_text
from sync_pipeline.errors import PrivilegeError, QueryError, QueryTimeout
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.pattern import like
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.model.text import first_names


def unknown_columns(engine: Engine, connection: Connection, server: ServerIdentity) -> str:
    """Return which columns of the catalogs of accounts nothing here reads; empty: none.

    Raises:
        SyncError: the names of the columns could not be read, or the connection was lost.
    """
    check = engine.catalog
    file = check.query.file_for(server.version_number, server.place) if check else None
    if check is None or file is None:
        return ""
    rows = connection.fetch(sql_text(package_of(engine), file))
    found = check.unknown([check.query.bind(row) for row in rows])
    if not found:
        return ""
    names = first_names([plain(name) for name in found[:MOST_NAMED]], len(found))
    return f"what the catalog keeps in {names}, which nothing here reads"


def columns_or_warning(
    engine: Engine, connection: Connection, server: ServerIdentity
) -> tuple[str, str]:
    """Return what `unknown_columns` does, and a warning: of that, or why it can't be told."""
    try:
        found = unknown_columns(engine, connection, server)
    except (PrivilegeError, QueryError, QueryTimeout) as error:
        return "", f"Whether the catalog has columns that are not known here was not read: {error}"
    warning = f"Not known here: {found}. It could change each answer about the instance."
    return found, warning if found else ""


def newer_warning(known: Known, server: ServerIdentity, what: str) -> Iterator[str]:
    """Yield a warning where the server is of a newer release than was tried."""
    newer = newer_release(known, server.version)
    if newer:
        newest = newest_tried(known)
        yield f"The server is {newer}, newer than {newest}, the newest that was tried: {what}"


def newest_warning(known: Known, server: ServerIdentity) -> Iterator[str]:
    """Yield a warning where accounts of a release newer than was tried were read."""
    yield from newer_warning(
        known, server, f"it was read as {newest_tried(known)}, and each answer about it says so."
    )


def newer_hint(known: Known, server: ServerIdentity) -> str:
    """Return what to do where the accounts of a newer release can't be read; else nothing."""
    newer = newer_release(known, server.version)
    if not newer:
        return ""
    return f"The server is {newer}, newer than {newest_tried(known)}: upgrade sync_pipeline."


def unknown_warnings(
    engine: Engine, server: ServerIdentity, accounts: Sequence[AccountState]
) -> Iterator[str]:
    """Yield a warning for a newer release, unknown privileges and unknown properties.

    The engine's own accounts are left out of the latter: they hold much that no person was
    granted, and most syncs leave them out as well.
    """
    yield from newest_warning(engine, server)
    kept = [item for item in accounts if not _is_systems(item, engine.system_accounts)]
    privileges, words = unknown_things(kept, engine)
    for what, found, has_unknown in (
        ("Privileges", privileges, _has_unknown_grants),
        ("Properties of accounts", words, _has_unknown_words),
    ):
        if found:
            holders = [item.name for item in kept if has_unknown(item, engine)]
            names = first_names([plain(name) for name in holders[:MOST_NAMED]], len(holders))
            yield (
                f"{what} that are not known here, kept as they are: {named(found)}. "
                f"Each answer that they could change says so. They are of {names}."
            )
    if isinstance(engine, KeepsBytes):
        yield from _raw_warning(engine, kept)


def _raw_warning(engine: KeepsBytes, accounts: Sequence[AccountState]) -> Iterator[str]:
    raw = dict.fromkeys(plain(item) for state in accounts for item in engine.kept_raw(state))
    if raw:
        names = first_names(list(raw)[:MOST_NAMED], len(raw))
        yield (
            f"Names that are no text in the encoding of their database, kept as their bytes: "
            f"{names}. They count like others; no statement for people can hold them."
        )


def _has_unknown_grants(state: AccountState, known: Known) -> bool:
    return any(True for _ in known.unknown_grants(state))


def _has_unknown_words(state: AccountState, known: Known) -> bool:
    return any(True for _ in known.unknown_words(state))


def _is_systems(state: AccountState, patterns: Collection[str]) -> bool:
    return state.is_system or any(like(pattern, state.name) for pattern in patterns)
