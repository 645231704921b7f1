"""JSON with a list that is as long as the fleet is large: it is never in memory as a whole."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import IO, Any

from sync_pipeline.cli.context import is_encodable, json_lines, json_plain, json_text
from sync_pipeline.visible import escaped_json

_IN_MEMORY = 8_000_000
"""Bytes of a list above which it is kept in a file that nobody else can open."""
_AT_ONCE = 500
_LINE = ",\n    "
_INDENT = "  "
_CHARACTERS_AT_ONCE = 1 << 20
_NOT_ASCII = re.compile("[^\0-~]")


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


class LongList:
    """A list of which the text is kept until it is shown; `count` are its items."""

    def __init__(self, kept: IO[str]) -> None:
        self.count = 0
        self._kept = kept
        self._is_shown_whole = True

    def add(self, item: Mapping[str, Any]) -> None:
        """Take the next item."""
        text = indented(item, _INDENT)
        # One sign that the output has not, and all is written without signs, as of one text.
        self._is_shown_whole = self._is_shown_whole and is_encodable(escaped_json(text))
        self._kept.write(f",\n{_INDENT}{text}" if self.count else f"[\n{_INDENT}{text}")
        self.count += 1

    def show(self) -> None:
        """Print all items, as `show_json` does."""
        self._kept.write("\n]" if self.count else "[]")
        self._kept.seek(0)
        while some := self._kept.read(_CHARACTERS_AT_ONCE):
            sys.stdout.write(
                escaped_json(some) if self._is_shown_whole else _NOT_ASCII.sub(_escaped, some)
            )
        sys.stdout.write("\n")


@contextmanager
def long_list(items: Iterable[Mapping[str, Any]]) -> Iterator[LongList]:
    """Yield the text of a list when all items were made: nothing is printed before."""
    with tempfile.SpooledTemporaryFile(
        _IN_MEMORY, "w+", encoding="utf-8", errors="surrogatepass", newline=""
    ) as kept:
        found = LongList(kept)
        for item in items:
            found.add(item)
        yield found


def indented(value: object, pad: str) -> str:
    """Return JSON as `json` indents it, of which all lines but the first begin with `pad`.

    What has no lists in it, and lists of such, is written by its encoder in C, which does not
    indent: all else takes many times as long.
    """
    inner = pad + _INDENT
    if isinstance(value, list | tuple) and any(map(_is_filled, value)):
        parts = _rows(value, inner) or _joined((indented(item, inner) for item in value), inner)
        return f"[\n{inner}{parts}\n{pad}]"
    if isinstance(value, dict) and any(map(_is_filled, value.values())):
        items = (f"{_encoder('').encode(key)}: {indented(item, inner)}"
                 for key, item in value.items())  # fmt: skip
        return f"{{\n{inner}{_joined(items, inner)}\n{pad}}}"
    text = _encoder(_between(inner)).encode(value)
    return f"{text[0]}\n{inner}{text[1:-1]}\n{pad}{text[-1]}" if _is_filled(value) else text


def _rows(values: Sequence[object], pad: str) -> str | None:
    """Return the items of a list of plain objects; None: something in them is another list.

    A raw end of a line is never part of a text of JSON, so that it tells where objects end.
    """
    if not all(isinstance(item, dict) and item for item in values):
        return None
    inner = pad + _INDENT
    between = _between(inner)
    text = _encoder(between).encode(values)
    if '": {' in text or '": [' in text:
        return None
    text = text[2:-2].replace(f"}}{between}{{", f"\n{pad}}}{_between(pad)}{{\n{inner}")
    return f"{{\n{inner}{text}\n{pad}}}"


def _joined(parts: Iterable[str], pad: str) -> str:
    return _between(pad).join(parts)


def _between(pad: str) -> str:
    return f",\n{pad}"


def _is_filled(value: object) -> bool:
    return isinstance(value, dict | list | tuple) and bool(value)


@lru_cache
def _encoder(between: str) -> json.JSONEncoder:
    return json.JSONEncoder(default=json_plain, ensure_ascii=False, separators=(between, ": "))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
