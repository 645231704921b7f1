"""Which names are in scope: LIKE patterns that match the whole name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Scope:
    """The accounts or databases that are looked after: all but the excluded ones.

    `excluded` are patterns, `excluded_names` are whole names.
    """

    excluded: tuple[str, ...] = ()
    excluded_names: frozenset[str] = frozenset()

    def includes(self, name: str) -> bool:
        """Return whether the name is not excluded, and no excluded pattern matches it."""
        return name not in self.excluded_names and not any(
            like(pattern, name) for pattern in self.excluded
        )

    @classmethod
    def of(cls, *pattern_groups: Iterable[str]) -> Scope:
        """Join several groups of patterns into one scope."""
        return cls(tuple(pattern for group in pattern_groups for pattern in group))
