"""JSON that grant tables hold: read without an error, whatever whoever can write it wrote. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.text import first_names, shortened

UNKNOWN_KEYS = "unknown_keys"
"""The attribute that names what of an account's JSON is not known here."""
NAMES_WITHOUT_CASE = "lower_case_table_names"
"""The attribute of accounts of a server that compares names of databases without case."""
_MOST_SHOWN = 60
_MOST_NAMED = 20


def loaded(text: object) -> object:
    """Return what a JSON text says; None where there is none, or it can't be read here.

    The server has checked it, but Python gives up on numbers and depths that it takes.
    """
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def keys_of(text: object) -> tuple[str, ...]:
    """Return the names in what JSON_KEYS gave; none where there was no object."""
    found = loaded(text)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def elements(text: str | None) -> Iterator[object]:
    """Yield the elements of a JSON array; the text itself where it can't be read."""
    found = loaded(text)
    if isinstance(found, list):
        yield from found
    elif text is not None:
        yield text


def shown(name: str, value: object) -> str:
    """Return a key and its raw value, for people: the value short."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{name} = {shortened(text, _MOST_SHOWN)}"


def listed(names: Iterable[str]) -> str:
    """Return names in one line that stays short, whoever made them; `""` is one as well."""
    found = tuple(dict.fromkeys(name or '""' for name in names))
    return first_names(found[:_MOST_NAMED], len(found), 2 * _MOST_SHOWN)


def unknown_words(state: AccountState) -> Iterator[str]:
    """Yield what of an account's JSON is not known, as one property of the account."""
    for name, found in state.attributes:
        if name == UNKNOWN_KEYS and found:
            yield f"the unknown part of its JSON ({found})"
