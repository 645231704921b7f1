"""A table of many rows, as `rich` shows it, without its taking a millisecond for each row.

`rich` lays out the head and finds the widths, of the widest row of each column alone: all others
change nothing of it. Cells that fit are written as they are, and the others are wrapped by `rich`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Sequence[str]
_NARROW = re.compile("[ -~\xa1-\xac\xae-\u02ff\u2192]*")
"""Text of one line in which each character takes one place."""
_REMEMBERED = 1024


def long_table(console: Console, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table."""
    widest = {max(range(len(rows)), key=lambda row: _width(rows[row][column]))
              for column in range(len(columns))}  # fmt: skip
    sketch = Table(*columns)
    for row in sorted(widest):
        sketch.add_row(*map(Text, rows[row]))
    with console.capture() as captured:
        console.print(sketch)
    *lines, bottom = captured.get().splitlines()
    head = next((place for place, line in enumerate(lines) if line.startswith("┡")), None)
    if head is None or not bottom.startswith("└"):
        # The output has no such signs.
        yield from _whole(console, columns, rows)
        return
    yield from lines[: head + 1]
    widths = [len(part) - 2 for part in bottom[1:-1].split("┴")]
    for cells in rows:
        yield from _lines(console, cells, widths)
    yield bottom


def _whole(console: Console, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(table)
    yield from captured.get().splitlines()


def _lines(console: Console, cells: Row, widths: Sequence[int]) -> Iterator[str]:
    pairs = list(zip(cells, widths, strict=True))
    if all(len(cell) <= width and _NARROW.fullmatch(cell) for cell, width in pairs):
        shown = [cell.ljust(width) for cell, width in pairs]
        yield f"│ {' │ '.join(shown)} │"
        return
    columns = [_wrapped(console, cell, width) for cell, width in pairs]
    empty = [" " * width for width in widths]
    for parts in zip_longest(*columns):
        shown = [part or blank for part, blank in zip(parts, empty, strict=True)]
        yield f"│ {' │ '.join(shown)} │"


@lru_cache(maxsize=_REMEMBERED)
def _wrapped(console: Console, cell: str, width: int) -> Sequence[str]:
    """Return the lines of a cell, each of the whole width."""
    if width < 1:
        return [""]
    lines = Text(cell).wrap(console, width, justify="left", overflow="ellipsis")
    return [line.plain + " " * (width - cell_len(line.plain)) for line in lines]


def _width(cell: str) -> int:
    if _NARROW.fullmatch(cell):
        return len(cell)
    return max(map(cell_len, cell.split("\n")))
