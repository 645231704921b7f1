"""Routines that run with their owner's rights and let the caller choose what names mean. Pure.

Manual, CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely": without a search_path of its
own such a routine finds, under the names in it, what the caller puts before, and with one that does
not end with pg_temp, temporary tables of the caller's in the place of others. Who may change a
routine is its owner alone, so that nobody else's change runs with the owner's rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sync_pipeline.engines.access.contract import DefinerRoutine
from sync_pipeline.engines.base import UNWRITABLE
from sync_pipeline.engines.postgresql.access.told import text, told
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.server_fact import ServerFact

NAME = "definer_routine"
_WHY = "What the names in them mean is said by whoever calls them."
_WHY_TEMPORARY = "A temporary table of whoever calls them is found before any other of its name."
_FOUND_LAST = "Temporary tables that they use are found after others of their name."
_PARTS = ("schema", "name", "arguments", "owner")
_LIST = re.compile(r'(?:"[^"]+"|[a-z_][a-z0-9_]*)(?:, (?:"[^"]+"|[a-z_][a-z0-9_]*))*')
"""A search_path of plain names, as the server writes it."""
_PLAIN = re.compile(r"[^;\n\r]*")
"""Arguments that may stand in a statement as the server writes them."""


def definer_routines(world: AccessWorld) -> Iterator[DefinerRoutine]:
    """Yield those of all databases, as far as they were read."""
    for fact in world.server.each(NAME):
        found = _routine(fact)
        if found is not None:
            yield found


def _routine(fact: ServerFact) -> DefinerRoutine | None:
    """Return one routine; what is none, is the server's lie, and nothing is told."""
    value = told(fact)
    found = [text(value.get(part)) for part in _PARTS]
    parts = [item for item in found if item is not None]
    if len(parts) < len(found):
        return None
    is_as_told = parts == [value[part] for part in _PARTS]
    schema, name, arguments, owner = parts
    path = text(value.get("path"))
    written = ".".join(map(quoted, (fact.database, schema, name)))
    alter = f"ALTER ROUTINE {written}({arguments})"
    is_writable = (
        is_as_told
        and UNWRITABLE not in alter
        and _PLAIN.fullmatch(arguments)
        and "--" not in arguments
    )
    routine = DefinerRoutine(
        name=fact.subject,
        database=fact.database,
        owner=owner,
        is_for_everyone=value.get("everyone") is True,
        why=_WHY,
        fix=f"{alter} SET search_path = {quoted(schema)}, pg_temp;" if is_writable else "",
        undo=f"{alter} RESET search_path;" if is_writable else "",
        breaks="What they use of other schemas without naming these is not found after the fix.",
    )
    return routine if path is None else _with_path(routine, alter if is_writable else "", path)


def _with_path(routine: DefinerRoutine, alter: str, path: str) -> DefinerRoutine:
    """Return one that has a search_path of its own, to which pg_temp is added at the end."""
    is_writable = bool(alter and _LIST.fullmatch(path)) and "pg_temp" not in path
    return replace(
        routine,
        why=_WHY_TEMPORARY,
        fix=f"{alter} SET search_path = {path}, pg_temp;" if is_writable else "",
        undo=f"{alter} SET search_path = {path};" if is_writable else "",
        breaks=_FOUND_LAST if is_writable else "",
        part="temporary tables first",
    )
