"""How much a page looks at that has to look at instance by instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sync_pipeline.model.instance import Instance

MOST_LOOKED_THROUGH, FIRST_LOT, AT_ONCE = 500, 16, 64
LEAST_LOOKED_THROUGH = 10
SECONDS_OF_LOOKING = 0.02
"""Instances in which a page looks for accounts or holders, and CPU seconds after which it looks
through no more than the least; the next page goes on. Some of them are found first, then more at
once: a page often ends with the first ones."""
Looked = TypeVar("Looked")


class Lots:
    """Instances that a page may look through, some at a time: mostly the first are enough.

    `find` returns so many of them by name, from a name on. `known` are those that were read.
    """

    def __init__(
        self, find: Callable[[int, str | None], Sequence[Instance]], since: str | None
    ) -> None:
        self._find = find
        self._following: str | None = since
        self.known: list[Instance] = []
        self._first = self._next()

    def __iter__(self) -> Iterator[Sequence[Instance]]:
        """Yield one lot after the other."""
        some = self._first
        while some:
            yield some
            is_over = self._following is None or len(self.known) >= MOST_LOOKED_THROUGH
            some = () if is_over else self._next()

    def after(self, count: int) -> str | None:
        """Return the name of the instance after the first so many; None: there is none."""
        return self.known[count].name if count < len(self.known) else self._following

    def _next(self) -> Sequence[Instance]:
        at_once = AT_ONCE if self.known else FIRST_LOT
        most = min(at_once, MOST_LOOKED_THROUGH - len(self.known))
        found = self._find(most + 1, self._following)
        self._following = found[most].name if len(found) > most else None
        self.known += found[:most]
        return found[:most]


@dataclass(slots=True)
class Looking:
    """Looks at instances until that took too long, and counts them."""

    count: int = 0
    _begun: float = field(default_factory=time.thread_time)

    def some(self, worlds: Iterator[Looked]) -> Iterator[Looked]:
        """Yield as many as a page may look at."""
        for world in worlds:
            self.count += 1
            yield world
            is_over = time.thread_time() - self._begun > SECONDS_OF_LOOKING
            if is_over and self.count >= LEAST_LOOKED_THROUGH:
                return
