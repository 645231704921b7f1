r"""LIKE patterns that match a whole name."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        elif character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        else:
            parts.append(re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def like(pattern: str, name: str) -> bool:
    r"""Match a whole name: `%` any run, `_` one character, `\` takes the next literally.

    Letters are compared exactly, as SQL LIKE does under a case-sensitive collation.
    """
    return _compiled(pattern).fullmatch(name) is not None


def literal(pattern: str) -> str | None:
    """Return the only name that a pattern matches; None: it may match several."""
    found: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character in "%_":
            return None
        found.append(next(characters, "\\") if character == "\\" else character)
    return "".join(found)


def escaped(name: str) -> str:
    """Return the pattern that matches a name and no other."""
    return "".join(f"\\{one}" if one in "%_\\" else one for one in name)
