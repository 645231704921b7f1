"""A long table is the one that `rich` makes, whatever its cells are and however wide it may be."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sync_pipeline.cli.long_table import _NARROW, long_table

CELLS = st.text(st.sampled_from("ab  -.→é界\n🙂[/"), max_size=14)
WORDS = st.sampled_from(["", "instance-00001", "i0_u23 → g8 (member)", "LOGIN: it cannot log in"])


def by_rich(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


@settings(max_examples=25)
@given(st.lists(st.tuples(CELLS, WORDS, CELLS), min_size=1, max_size=8), st.integers(24, 70))
def test_it_is_as_rich_makes_it(rows: list[tuple[str, ...]], width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    columns = ("account", "path", "lacks")
    assert list(long_table(console, columns, rows)) == by_rich(console, columns, rows)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_without_lines_has_others(encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    console = Console(width=40, file=file)
    rows = [("a", "b"), ("c", "")]
    assert list(long_table(console, ("x", "y"), rows)) == by_rich(console, ("x", "y"), rows)


def test_what_is_taken_for_narrow_takes_one_place() -> None:
    narrow = [sign for sign in map(chr, range(0x3000)) if _NARROW.fullmatch(sign)]
    assert len(narrow) > 500
    assert {cell_len(sign) for sign in narrow} == {1}
