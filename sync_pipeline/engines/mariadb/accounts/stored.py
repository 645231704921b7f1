"""Values of `mysql.global_priv.Priv` as the server reads them. Pure.

Whoever can write the table can write any JSON into it. The server takes a number where it
finds one and its default where it finds anything else, without an error (sql/sql_acl.cc,
`User_table_json::get_int_value` and `get_bool_value`; seen on 10.5, 10.11 and 11.8).
"""

from __future__ import annotations

import math
import re

_LEADING = re.compile(r"-?\d+")
_WHOLE = re.compile(r"-?\d{1,20}")
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?")
_SIGN_BIT = 1 << 63
_MOST_DIGITS = 20


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
