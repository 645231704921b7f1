"""Which versions of which servers the tests run. docs/tested.md is checked against this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Version = TypeVar("Version", int, str)


@dataclass(frozen=True)
class Versions(Generic[Version]):
    """The versions of one engine: in every run, and what `--all-versions` adds."""

    every_run: tuple[Version, ...]
    added: tuple[Version, ...] = ()

    def chosen(self, *, everything: bool) -> Sequence[Version]:
        """Return the versions that a run takes, oldest first."""
        return sorted((*self.every_run, *(self.added if everything else ())), key=_number)


def _number(version: int | str) -> tuple[int, ...]:
    return tuple(map(int, str(version).split(".")))


MARIADB = Versions(every_run=("10.11", "11.8"))
MYSQL = Versions(every_run=("9.7",))
POSTGRESQL = Versions(every_run=(15, 18), added=(16, 17))
OLD_MARIADB = "10.5"
"""Not supported as an instance: its data is what an upgraded server has."""
