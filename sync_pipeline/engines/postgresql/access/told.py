"""What a server says of itself in JSON, which may be anything at all. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sync_pipeline.model.server_fact import ServerFact


def told(fact: ServerFact) -> Mapping[str, object]:
    """Return the object that a fact's value is; empty where it is none, which is the server's lie.

    What is nested deeper than Python reads is none either.
    """
    try:
        value = json.loads(fact.value)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Return a text as one that any store and any program takes; None: it is no text."""
    if not isinstance(value, str):
        return None
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


def texts(value: object) -> tuple[str, ...] | None:
    """Return the texts of a list, of which null is an empty one; None: it is no list of texts."""
    found = [text(item) for item in value] if isinstance(value, list) else []
    known = tuple(item for item in found if item is not None)
    is_whole = value is None or (isinstance(value, list) and len(known) == len(found))
    return known if is_whole else None
