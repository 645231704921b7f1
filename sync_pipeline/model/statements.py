"""Statements as text: put together so that none stands twice. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_CONTEXT = re.compile(r"ALTER SESSION SET \w+ = ")
"""A statement that the next ones stand in, until another such one."""
_STATEMENT = re.compile(r"^--|;(?: -- .*)?$")
"""A line that is a statement, with or without a comment, or a comment alone."""
_QUOTED = re.compile(
    r"""--[^\n]*|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[(?:[^\]]|\]\])*(?:\]|$)"""
)
"""A comment, or what stands in quotes: a quote of another kind in it is a part of the name."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A statement, the comments before it, and the statement that says where it is run."""

    context: str
    comments: tuple[str, ...]
    statement: str = ""


def joined(blocks: Iterable[str]) -> str:
    """Return statements one a line, each once: the only place where they are put together.

    Of equal ones the last stays: what stands between two of them may be undone by the second.
    What only says where the next ones are run is left out where that is so already. A comment
    belongs to its statement: by another person, or in another place, it is another one.
    """
    once: dict[Unit, None] = {}
    context = ""
    for block in blocks:
        for unit in _units(block, context) if block else ():
            context = unit.context
            once.pop(unit, None)
            once[unit] = None
    kept: list[str] = []
    context = ""
    for unit in once:
        kept += [unit.context] if unit.context != context else []
        kept += [*unit.comments, *([unit.statement] if unit.statement else [])]
        context = unit.context
    return "\n".join(kept)


def _units(block: str, context: str) -> Iterator[Unit]:
    """Yield the statements of a block, each with its comments and where it is run."""
    comments: list[str] = []
    for line in _lines(block):
        if _CONTEXT.match(line):
            context = line
        elif line.startswith("--"):
            comments.append(line)
        else:
            yield Unit(context, tuple(comments), line)
            comments = []
    if comments:
        yield Unit(context, tuple(comments))


def _lines(block: str) -> Sequence[str]:
    """Return the statements of a block; one whose names hold line ends stays whole."""
    lines = block.split("\n")
    is_torn = any("\n" in found[0] for found in _QUOTED.finditer(block))
    is_open = any(not _STATEMENT.search(line) for line in lines)
    return (block,) if is_torn or is_open else lines


def first_of(block: str) -> Unit | None:
    """Return the first of several statements that stand together; None: there is but one."""
    units = list(_units(block, ""))
    return units[0] if len(units) > 1 else None
