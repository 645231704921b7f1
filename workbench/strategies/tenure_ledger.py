"""A small world of superusers and roles that changes at random, and a ledger kept beside it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

PEOPLE = ("ann", "bob", "cid")
ROLES = ("dba", "ops", "team")
Row = tuple[str, datetime | None, datetime, datetime | None]
"""Who held it, not yet after, by, and gone by."""


class Act(StrEnum):
    """What was done."""

    RAISED = "raised"
    LOWERED = "lowered"
    GRANTED = "granted"
    REVOKED = "revoked"
    DROPPED = "dropped"
    MADE = "made"


@dataclass
class World:
    """Who is a superuser, and who is a member of what; a role is in no circle."""

    there: set[str] = field(default_factory=lambda: {*PEOPLE, *ROLES})
    superusers: set[str] = field(default_factory=set)
    members: set[tuple[str, str]] = field(default_factory=set)

    def change(self, chance: random.Random) -> tuple[Act, str, str]:
        """Do something, and return what, to whom, and by which role."""
        name = chance.choice((*PEOPLE, *ROLES))
        if name not in self.there:
            self.there.add(name)
            return Act.MADE, name, ""
        what = chance.randrange(5)
        if what == 0:
            return self._drop(name)
        if what == 1:
            self.superusers ^= {name}
            return (Act.RAISED if name in self.superusers else Act.LOWERED), name, ""
        return self._membership(name, chance)

    def _drop(self, name: str) -> tuple[Act, str, str]:
        self.there.discard(name)
        self.superusers.discard(name)
        self.members = {pair for pair in self.members if name not in pair}
        return Act.DROPPED, name, ""

    def _membership(self, name: str, chance: random.Random) -> tuple[Act, str, str]:
        # A later role may have an earlier one: so there is no circle.
        order = ROLES.index(name) if name in ROLES else len(ROLES)
        roles = [role for role in ROLES[:order] if role in self.there]
        if not roles:
            return self._drop(name)
        role = chance.choice(roles)
        self.members ^= {(name, role)}
        return (Act.GRANTED if (name, role) in self.members else Act.REVOKED), name, role

    def holders(self) -> set[str]:
        """Return who is a superuser, itself or by a role."""
        found = set(self.superusers)
        while more := {who for who, role in self.members if role in found} - found:
            found |= more
        return found


@dataclass
class Ledger:
    """What is written down after each sync: what has begun, and what has ended."""

    rows: list[Row] = field(default_factory=list)
    _open: dict[str, tuple[datetime | None, datetime]] = field(default_factory=dict)
    _last: datetime | None = None

    def write(self, began_at: datetime, read_at: datetime, holders: set[str]) -> None:
        """Write down who holds it by a sync."""
        for name in sorted(self._open.keys() - holders):
            self.rows.append((name, *self._open.pop(name), read_at))
        for name in sorted(holders - self._open.keys()):
            self._open[name] = (self._last, read_at)
        self._last = began_at

    def all(self) -> list[Row]:
        """Return all of it, by name and begin."""
        still = [(name, *begin, None) for name, begin in self._open.items()]
        return sorted([*self.rows, *still], key=lambda row: (row[0], row[2]))
