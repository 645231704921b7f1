"""What the last sync that wrote an instance's accounts had read, and what it made of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

HOLDER_KEY_BYTES, HOLDER_MARK_BYTES = 8, 16
HolderMarks = Mapping[bytes, bytes]
"""Digests of the rows that give grants, by a key of the name of who holds them."""


@dataclass(frozen=True, slots=True)
class ReadMarks:
    """Digests (hex) of all that a sync's result depends on: equal ones, equal results.

    `basis` is of all but the rows. `digest` is of the rows in whatever order they came, and
    `in_order` in the order in which they did: mostly that is the same, and costs less.
    """

    basis: str
    in_order: str
    digest: str


@dataclass(frozen=True, slots=True)
class Derived:
    """What a sync said of the accounts it read, and would say again of the same.

    `active` accounts were in scope, and `excluded_names` more are the server's own. `warnings`
    are those of reading, `classes` the accounts of each class (None: they were not counted),
    and `class_warning` says why not. Of the same accounts they are the same from `holds_from`
    on and before `holds_until` (ISO 8601; empty: at any time). `left_out` are the patterns of
    names that were not looked after, and `with_system` says whether the server's own were (None: a
    version wrote it that did not say so).
    """

    active: int
    excluded_names: int
    warnings: tuple[str, ...] = ()
    classes: Mapping[str, int] | None = None
    class_warning: str = ""
    holds_from: str = ""
    holds_until: str = ""
    left_out: tuple[str, ...] = ()
    with_system: bool | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Return whether all of it is said of the same accounts at a moment (aware), too."""
        begins, ends = self.holds_from, self.holds_until
        has_begun = not begins or datetime.fromisoformat(begins) <= moment
        return has_begun and (not ends or moment < datetime.fromisoformat(ends))


@dataclass(frozen=True, slots=True)
class Reads:
    """What a sync that writes accounts leaves for the next one."""

    marks: ReadMarks
    derived: Derived
    holders: HolderMarks = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class HolderReads:
    """The rows that the stored accounts' grants were made of.

    `basis` is as that of `ReadMarks`, and `world` tells these accounts from others.
    """

    basis: str
    world: str
    marks: HolderMarks
