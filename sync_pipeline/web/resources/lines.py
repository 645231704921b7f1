"""Cells of many lines: a page has so many of each, whatever a server says."""

from __future__ import annotations

from collections.abc import Sequence

MOST_OF_LIST, MOST_OF_ONE = 40, 200
"""Lines of a cell in a list of the fleet, and on the pages of one account."""
LONGEST_LINE = 2000
"""Characters of a line of what was imported, as of its changes."""
_WHERE_CHANGES_ARE = "sync-pipeline accounts changes has them"
_WHERE_TENURES_ARE = "sync-pipeline accounts tenure has them"
_WHERE_ACCOUNTS_ARE = "sync-pipeline accounts show has them"


def lines_of_change(lines: Sequence[str], most: int = MOST_OF_ONE) -> tuple[str, ...]:
    """Return the first lines of a change: who came or went may have had any number of rights."""
    return _first(lines, most, _WHERE_CHANGES_ARE)


def lines_of_account(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first of what an account is."""
    return _first(lines, MOST_OF_ONE, _WHERE_ACCOUNTS_ARE)


def lines_of_tenure(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first ways of a tenure, or times of which nothing is known."""
    return _first(lines, MOST_OF_LIST, _WHERE_TENURES_ARE)


def _first(lines: Sequence[str], most: int, where: str) -> tuple[str, ...]:
    more = len(lines) - most
    if more <= 0:
        return tuple(lines)
    return (*lines[:most], f"and {more} more: {where}")
