"""JSON with a list that is as long as the fleet is large: it is never in memory as a whole."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sync_pipeline.cli.context import json_lines, json_text

_IN_MEMORY = 8_000_000
"""Bytes of a list above which it is kept in a file that nobody else can open."""
_AT_ONCE = 500
_LINE = ",\n    "


def show_long_json(
    name: str, items: Iterable[Mapping[str, Any]], rest: Callable[[], Mapping[str, Any]]
) -> None:
    """Print an object whose last value is a list under a name, each item in a line of its own.

    `rest` is all else, and is asked for when all items were made: nothing is printed before, so
    that what fails has printed nothing. Times are ISO 8601.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as kept:
        before = "\n    "
        for text in _texts(iter(items)):
            kept.write(before + text)
            before = _LINE
        head = json_text({**rest(), name: []}).removesuffix("]\n}")
        sys.stdout.write(head)
        kept.seek(0)
        shutil.copyfileobj(kept, sys.stdout)
        sys.stdout.write("]\n}\n" if before != _LINE else "\n  ]\n}\n")


def _texts(items: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the texts of some items at a time, without the brackets of their list."""
    while some := list(islice(items, _AT_ONCE)):
        yield json_lines(some, _LINE)
