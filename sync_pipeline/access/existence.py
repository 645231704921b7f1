"""Whether an object is on an instance, as far as the stored accounts and listings tell. Pure.

Not all objects are known: a server may have one that no grant names. So one is on an instance, or
is not, or may be; who it is that has a privilege there is never left out by a mere guess.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.answers import Existence
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.contract import is_servers_own, missing, split_kind
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind

K = SecurableKind
_PRINCIPALS = (K.PRINCIPAL, K.ACCOUNT)
_LENGTHS: dict[str, int] = {K.DATABASE: 1, K.SCHEMA: 2, K.COLUMN: 4, "": 4}
_OBJECT_LENGTH = 3


def existence(judged: Judged, on: Securable) -> tuple[Existence, str]:
    """Return whether an object is there; where it is not, what is missing (`database shop`).

    What a grant or an owner names is there, as is what each server of the engine has.
    """
    if _is_there(judged, on):
        return Existence.YES, ""
    lacking = missing(judged.rules, on, judged.listing)
    if lacking:
        return Existence.NO, lacking
    return (Existence.LIKELY if _is_place_there(judged, on) else Existence.MAY_BE), ""


def lacking_database(judged: Judged, text: str) -> str:
    """Return the database that a text names whole and that the last sync did not list.

    Of an instance on which the text names nothing. Empty: it listed it, or not all of them.
    """
    known = {name.casefold() for name in _catalogs(judged)}
    if not known or judged.world.is_unread(SectionKey(SectionName.DATABASE)):
        return ""
    try:
        word, parts = split_kind(text.strip())
    except ValueError:
        return ""
    length = _LENGTHS.get(word.lower().replace("_", " "), _OBJECT_LENGTH)
    is_whole = len(parts) == length
    is_missing = is_whole and parts[0].casefold() not in known
    return f"database {parts[0]}" if is_missing else ""


def _is_there(judged: Judged, on: Securable) -> bool:
    if on.kind is K.SERVER or is_servers_own(judged.rules, on):
        return True
    if on.schema and on.schema in ENGINES[judged.world.engine].system_schemas:
        return True
    if on.kind in _PRINCIPALS and on.name in judged.world.accounts:
        return True
    if on.kind is K.DATABASE and _folded(on.database) in _databases(judged):
        return True
    if on.kind is K.SCHEMA and _is_owned(judged, on):
        return True
    return _is_named(judged, on)


def _is_named(judged: Judged, on: Securable) -> bool:
    """Return whether a grant or an owner names an object, in any case, or what lies in it.

    A column is there where something names its table.
    """
    sought = _path(on)
    length = len(sought)
    return any(
        _path(item)[:length] == sought for item in _securables(judged, on) if item.kind != K.SERVER
    )


def _securables(judged: Judged, on: Securable) -> Iterator[Securable]:
    """Yield what grants are on, but for patterns, which name nothing."""
    last = None
    for state in judged.world.accounts.values():
        for grant in state.grants:
            found = grant.securable
            if found is not last and (found.kind is not K.DATABASE_PATTERN or found == on):
                last = found
                yield found


def _path(on: Securable) -> tuple[str, ...]:
    """Return the path of an object without its kind, as far as it has one."""
    if on.kind is K.SERVER:
        return ("",)
    parts = (on.catalog or on.database, on.schema, on.name)
    kept = parts if on.name else parts[:2] if on.schema else parts[:1]
    return tuple(map(_folded, kept))


def _is_place_there(judged: Judged, on: Securable) -> bool:
    """Return whether the database is there that an object would lie in; or the schema."""
    if on.kind is K.DATABASE:
        return False
    return _is_owned(judged, on) or _folded(on.database) in _databases(judged)


def _is_owned(judged: Judged, on: Securable) -> bool:
    """Return whether the user is there whose schema it is."""
    if not on.schema or not ENGINES[judged.world.engine].users_are_schemas:
        return False
    return not {on.schema, f"{on.catalog}.{on.schema}"}.isdisjoint(judged.world.accounts)


def _databases(judged: Judged) -> frozenset[str]:
    """Return the databases that a listing shows, by the size collection or the last sync."""
    listed = judged.listing.databases
    return frozenset(map(_folded, (*_catalogs(judged), *(listed.present if listed else ()))))


def _catalogs(judged: Judged) -> frozenset[str]:
    return frozenset(key.database for key in judged.world.sections if key.database)


def _folded(name: str) -> str:
    return name.casefold()
