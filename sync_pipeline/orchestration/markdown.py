"""Markdown for the UI, which stays within a number of characters whatever it shows.

Each step's metadata is a row of the event log that every look at the run loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sync_pipeline.model.text import first_lines, visible_start

MOST_CHARACTERS = 4_000
"""Of one table or list, without the line that says how many more there are."""

MOST_IN_CELL = 300
_ESCAPED = str.maketrans({char: f"\\{char}" for char in r"\`*_{}[]<>#|~&"})
# What makes a list or a heading of a line.
_BLOCK = re.compile(r"^(\d*)([-+=]|(?<=\d)[.)])")
# Addresses become links without any markup, after escapes were taken away: only what stands
# in several nodes is none. So its punctuation is shown as code.
_AUTOLINK = re.compile(
    r"(?<=http):(?=//)|(?<=https):(?=//)|(?<=www)\.|(?<=[-.\w+])@(?=[-\w])", re.IGNORECASE
)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], total: int, rest: str = "") -> str:
    """Return the first of `total` rows as a table; `rest` says where the others are shown.

    Rows that don't fit are not made.
    """
    if not total:
        return "None."
    head = [_row(columns), f"|{'|'.join('---' for _ in columns)}|"]
    kept = first_lines((_row(row) for row in rows), MOST_CHARACTERS)
    return "\n".join([*head, *kept]) + _more(total - len(kept), rest)


def bullets(lines: Sequence[str], rest: str = "") -> str:
    """Return the first lines as a list; `rest` says where those that don't fit are shown."""
    kept = first_lines((f"- {cell(line)}" for line in lines), MOST_CHARACTERS)
    return "\n".join(kept) + _more(len(lines) - len(kept), rest)


def cell(text: str) -> str:
    """Return a text that Markdown shows as it is: names may hold any character."""
    start = text[: MOST_IN_CELL + 1].replace("\n", " ")
    shown = visible_start(start, MOST_IN_CELL).lstrip()
    escaped = _BLOCK.sub(r"\1\\\2", shown.translate(_ESCAPED))
    return _AUTOLINK.sub(lambda found: f"`{found[0]}`", escaped)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _more(count: int, rest: str) -> str:
    return f"\n\n… and {count} more{rest}." if count > 0 else ""
