"""How much a page looks at that has to look at instance by instance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

MOST_LOOKED_THROUGH = 500
LEAST_LOOKED_THROUGH = 20
SECONDS_OF_LOOKING = 0.05
"""Instances in which a page looks for accounts or holders, and CPU seconds after which it looks
through no more than the least; the next page goes on."""
Looked = TypeVar("Looked")


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
