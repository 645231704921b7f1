"""Cells of CSV files, which a spreadsheet takes for formulas where they begin like one."""

from __future__ import annotations

import re

# What a formula begins with, after blanks and apostrophes that are ours or were there before.
_FORMULA = re.compile(r"['\s]*[=+\-@\t\r\n＝＋－＠−]")
_OURS = re.compile(r"'(?=['\s]*[=+\-@\t\r\n＝＋－＠−])")


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
