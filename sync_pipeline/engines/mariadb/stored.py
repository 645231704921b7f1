"""Values of `mysql.global_priv.Priv` as the server reads them. Pure.

Whoever can write the table can write any JSON into it. The server takes a number where it
finds one and its default where it finds anything else, without an error (sql/sql_acl.cc,
`User_table_json::get_int_value` and `get_bool_value`; seen on 10.5, 10.11 and 11.8).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator

from sync_pipeline.model.text import first_names, shortened

_LEADING = re.compile(r"-?\d+")
_WHOLE = re.compile(r"-?\d{1,20}")
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?")
_SIGN_BIT = 1 << 63
_MOST_DIGITS = 20
_MOST_SHOWN = 60
_MOST_NAMED = 20


def whole_number(text: str | None, otherwise: int = 0) -> int:
    """Return the signed 64-bit number that the server makes of a JSON value.

    What is no number is `otherwise`; of 1.5 and 1e3 the digits before count. A number that
    is too large becomes the largest of 64 bits, which is -1 when it is read with a sign.
    """
    match = _LEADING.match(text or "")
    if match is None:
        return otherwise
    digits = match[0].lstrip("-").lstrip("0") or "0"
    is_negative = match[0].startswith("-")
    size = int(digits) if len(digits) <= _MOST_DIGITS else 2 * _SIGN_BIT
    if is_negative:
        return -min(size, _SIGN_BIT)
    size = min(size, 2 * _SIGN_BIT - 1)
    return size - 2 * _SIGN_BIT if size >= _SIGN_BIT else size


def is_whole(text: str) -> bool:
    """Return whether a JSON value is a whole number, as the server itself writes them."""
    return _WHOLE.fullmatch(text) is not None and abs(int(text)) < 2 * _SIGN_BIT


def number(text: str) -> int | float | None:
    """Return a JSON value as a number; None where it is none, or has no finite size."""
    if _WHOLE.fullmatch(text):
        return int(text)
    found = float(text) if _NUMBER.fullmatch(text) else math.inf
    return found if math.isfinite(found) else None


def is_true(text: str | None) -> bool:
    """Return whether a JSON value is true; a number is not, whichever it is."""
    return text == "true"


def is_truth(text: str) -> bool:
    """Return whether a JSON value is true or false."""
    return text in ("true", "false")


def keys_of(text: object) -> tuple[str, ...]:
    """Return the names in what JSON_KEYS gave; none where there was no object."""
    found = loaded(text)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def loaded(text: object) -> object:
    """Return what a JSON text says; None where there is none, or it can't be read here.

    The server has checked it, but Python gives up on numbers and depths that it takes.
    """
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def shown(name: str, value: object) -> str:
    """Return a key and its raw value, for people: the value short."""
    return f"{name} = {shortened(str(value), _MOST_SHOWN)}"


def listed(names: Iterable[str]) -> str:
    """Return names in one line that stays short, whoever made them."""
    found = tuple(dict.fromkeys(names))
    return first_names(found[:_MOST_NAMED], len(found), 2 * _MOST_SHOWN)


def elements(text: str | None) -> Iterator[object]:
    """Yield the elements of a JSON array; the text itself where it can't be read."""
    found = loaded(text)
    if isinstance(found, list):
        yield from found
    elif text is not None:
        yield text
