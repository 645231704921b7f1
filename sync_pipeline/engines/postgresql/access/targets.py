"""How the objects of grants are written in REVOKE and ALTER statements. Pure."""

from __future__ import annotations

import re

from sync_pipeline.engines.postgresql.access.kinds import RELATIONS, ROUTINES
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline.model.statements import in_comment

K = SecurableKind
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_ORDER_BY = "ORDER BY "
_WORDS = {
    **dict.fromkeys((*RELATIONS, K.RELATION, K.COLUMN), "TABLE"),
    **dict.fromkeys(ROUTINES, "ROUTINE"),
    K.SEQUENCE: "SEQUENCE",
    K.PROPERTY_GRAPH: "PROPERTY GRAPH",
    K.TYPE: "TYPE",
    K.DATABASE: "DATABASE",
    K.SCHEMA: "SCHEMA",
    K.LANGUAGE: "LANGUAGE",
    K.FOREIGN_DATA_WRAPPER: "FOREIGN DATA WRAPPER",
    K.FOREIGN_SERVER: "FOREIGN SERVER",
    K.LARGE_OBJECT: "LARGE OBJECT",
    K.TABLESPACE: "TABLESPACE",
    K.PARAMETER: "PARAMETER",
}


def granted_on(securable: Securable) -> str:
    """Return what follows ON in GRANT and REVOKE.

    Tables, routines and types carry their database in front: the server refuses the
    statement in any other.
    """
    return f"{_WORDS[securable.kind]} {_written(securable)}"


def owned(securable: Securable) -> str:
    """Return what follows ALTER where an object gets another owner."""
    word = {K.SEQUENCE: "TABLE", K.FOREIGN_SERVER: "SERVER"}.get(securable.kind)
    return f"{word or _WORDS[securable.kind]} {_written(securable)}"


def in_database(securable: Securable) -> str:
    """Return a comment that says where to run a statement whose text can't say it."""
    if not securable.catalog or (securable.schema and securable.name):
        return ""
    return f" -- in database {shown(securable.catalog)}"


def shown(name: str) -> str:
    """Return a quoted name that can't end the comment it stands in."""
    return quoted(in_comment(name))


def split_routine(name: str) -> tuple[str, str]:
    """Split `name(arguments)`; the name, and quotes in the arguments, may hold parentheses.

    Arguments hold no parenthesis outside quotes, and their quotes are balanced: they
    begin after the first one of which that is true.
    """
    for found in re.finditer(r"\(", name):
        arguments = name[found.end() : -1]
        if not set('"()') & set(_QUOTED.sub("", arguments)):
            return name[: found.start()], arguments
    return name, ""


def _written(securable: Securable) -> str:
    kind, name = securable.kind, securable.name
    if kind is K.LARGE_OBJECT:
        return name
    if kind is K.PARAMETER:
        # An extension's parameter has a dot in its name.
        return ".".join(map(quoted, name.split(".")))
    if kind in ROUTINES:
        name, arguments = split_routine(name)
        return f"{_path(securable, name)}({_flat(arguments)})"
    if securable.schema:
        return _path(securable, name) if name else quoted(securable.schema)
    return quoted(name or securable.database)


def _path(securable: Securable, name: str) -> str:
    return ".".join(map(quoted, (securable.database, securable.schema, name)))


def _flat(arguments: str) -> str:
    """Return the arguments of an ordered-set aggregate as those of a plain routine.

    A variadic one that stands on both sides of ORDER BY counts once.
    """
    masked = _QUOTED.sub(lambda found: "x" * len(found[0]), arguments)
    position = masked.find(_ORDER_BY)
    if position < 0:
        return arguments
    direct, by = arguments[:position].strip(), arguments[position + len(_ORDER_BY) :]
    if direct.startswith("VARIADIC ") or not direct:
        return by
    if " VARIADIC " in masked[:position]:
        return direct
    return f"{direct}, {by}"
