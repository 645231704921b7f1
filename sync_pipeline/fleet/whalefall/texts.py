"""Texts, moments and JSON of another system, as every store of ours can hold them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from typing import Any

REPLACED = "\ufffd"
LONGEST_TEXT = 20_000
LONGEST_JSON = 500_000
TOO_LONG = f'"longer than {LONGEST_JSON} characters: not taken"'
LOWEST = -(2**62)
"""Less than any number of a row."""
LARGEST = 9 * 10**18
"""Of whole numbers, in either direction: a bit less than a column of 64 bits holds."""
EARLIEST, LATEST = date(1970, 1, 1), date(9000, 1, 1)


def clean(text: str | None) -> str:
    """Return a text that both stores take: no NUL, and no half of a sign."""
    if not text:
        return ""
    if text.isascii() and "\0" not in text:
        return text
    whole = text.replace("\0", REPLACED)
    return whole.encode("utf-8", "replace").decode() if _has_halves(whole) else whole


def _has_halves(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC, which is what one without a zone means there."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def midnight(day: date) -> datetime:
    """Return the begin of a day, in UTC."""
    return datetime.combine(day, time(), UTC)


def parsed(text: str | None) -> Any:
    """Return what JSON text says.

    Raises:
        ValueError: it is no JSON, or nested too deep.
    """
    if text is None:
        return None
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def moment(column: str, name: str = "") -> str:
    """Return SQL for a moment, NULL where it is no moment that Python has, such as infinity."""
    own = name or column.rpartition(".")[2]
    return f"CASE WHEN {column} BETWEEN '{EARLIEST}' AND '{LATEST}' THEN {column} END AS {own}"


def whole(column: str, name: str = "") -> str:
    """Return SQL for a whole number, of whatever type of numbers it is there.

    NULL for what none is: NaN, which PostgreSQL takes for more than all others, and infinity.
    """
    is_number = f"{column} BETWEEN -{LARGEST} AND {LARGEST}"
    return f"CASE WHEN {is_number} THEN {column}::bigint END AS {name or column}"


def words(column: str, name: str = "") -> str:
    """Return SQL for a text of bounded length, empty where there is none."""
    own = name or column.rpartition(".")[2]
    return f"left(coalesce({column}::text, ''), {LONGEST_TEXT}) AS {own}"


def json_words(column: str, name: str = "") -> str:
    """Return SQL for JSON as text of bounded length."""
    own = name or column.rpartition(".")[2]
    return (
        f"CASE WHEN length({column}::text) > {LONGEST_JSON} THEN '{TOO_LONG}' "
        f"ELSE {column}::text END AS {own}"
    )
