"""Which names are in scope: LIKE patterns that match the whole name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync_pipeline.model.pattern import like


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
