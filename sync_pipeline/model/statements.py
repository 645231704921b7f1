"""Statements as text: put together so that none stands twice. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_CONTEXT = re.compile(r"ALTER SESSION SET \w+ = ")
"""A statement that the next ones stand in, until another such one."""
_STATEMENT = re.compile(r"^--|;(?: -- .*)?$")
"""A line that is a statement, with or without a comment, or a comment alone."""
_LINE_END = re.compile(
    r"""--[^\n]*|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)"""
    r"""|\[(?:[^\]]|\]\])*(?:\]|$)|(?P<end>\n)"""
)
"""A comment, or what stands in quotes, where a quote of another kind and a line end are a part of
the name; or else the end of a line."""


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
    return "\n".join(lines_of(once))


def units(text: str) -> list[Unit]:
    """Return the statements of a text, each with what it needs before it."""
    return list(_units(text, "")) if text else []


def lines_of(found: Iterable[Unit]) -> list[str]:
    """Return statements, one an entry; where they are run is said where it was another place."""
    kept: list[str] = []
    context = ""
    for unit in found:
        kept += [unit.context] if unit.context != context else []
        kept += [*unit.comments, *([unit.statement] if unit.statement else [])]
        context = unit.context
    return kept


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
    """Return the statements of a block, whose names may hold line ends.

    What is no statement a line stays whole, after what says where it is run.
    """
    lines = list(_split(block))
    if all(map(_STATEMENT.search, lines)):
        return lines
    first = next((n for n, line in enumerate(lines) if not _CONTEXT.match(line)), len(lines))
    return (*lines[:first], "\n".join(lines[first:]))


def _split(block: str) -> Iterator[str]:
    """Yield the lines of a block; a line end in quotes is a part of a name."""
    begin = 0
    for found in _LINE_END.finditer(block):
        if found["end"]:
            yield block[begin : found.start()]
            begin = found.end()
    yield block[begin:]


def in_comment(name: str) -> str:
    """Return a name as a comment may hold it: nothing in it ends the line."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def first_of(block: str) -> Unit | None:
    """Return the first of several statements that stand together; None: there is but one."""
    found = units(block)
    return found[0] if len(found) > 1 else None
