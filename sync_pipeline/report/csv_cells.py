"""Every CSV that is written: a spreadsheet computes nothing of it, and numbers are numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from sync_pipeline.visible import visible

# What a formula begins with, after blanks and apostrophes that are ours or were there before.
_FORMULA = re.compile(r"['\s]*[=+\-@\t\r\n＝＋－＠−]")
_OURS = re.compile(r"'(?=['\s]*[=+\-@\t\r\n＝＋－＠−])")


def csv_text(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, exact: bool = False
) -> str:
    """Return rows as CSV with a header. A tuple is a cell of lines; None is an empty cell.

    `exact` is for what is read back by `restored`: what can't be seen is written as it is.
    """
    text_of = _exact_text if exact else cell_text
    output = io.StringIO()
    plain = csv.writer(output, lineterminator="\n")
    # A carriage return alone ends a line for who reads it, and is not quoted by itself.
    quoted = csv.writer(output, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (columns, *rows):
        cells = [harmless(value, text_of(value)) for value in row]
        writer = quoted if any("\r" in cell for cell in cells) else plain
        writer.writerow(cells)
    return output.getvalue()


def cell_text(value: object) -> str:
    """Return what a cell says: nothing of it acts or hides, and a tuple has a line for each."""
    if isinstance(value, tuple):
        return "\n".join(visible(str(line)) for line in value)
    return "" if value is None else visible(str(value))


def _exact_text(value: object) -> str:
    return "" if value is None else str(value)


def harmless(value: object, text: str) -> str:
    """Return the text of a value as a cell that no spreadsheet computes: numbers stay as they are.

    A text that begins like a formula gets an apostrophe in front, also after blanks and
    apostrophes, so that `restored` can tell what was there.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return text
    return f"'{text}" if _FORMULA.match(text) else text


def restored(text: str) -> str:
    """Return what `harmless` was given."""
    return text[1:] if _OURS.match(text) else text
