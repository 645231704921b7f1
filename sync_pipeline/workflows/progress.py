"""How far long work is, for whoever waits for it at a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS_OF_SILENCE = 1.0
"""Work that takes no longer says nothing."""
_LINES = 10

Tell = Callable[[str], None]


@dataclass(slots=True)
class Progress:
    """Tells of work on so many items, a line for each tenth of them; None: to nobody."""

    tell: Tell | None
    what: str
    total: int
    _begun: float = field(default_factory=time.monotonic, init=False)
    _told: int = field(default=-1, init=False)

    def note(self, done: int) -> None:
        """Note that so many are done."""
        if self.tell is None or time.monotonic() - self._begun < SECONDS_OF_SILENCE:
            return
        part = done * _LINES // self.total
        if part > self._told:
            self._told = part
            self.tell(f"{self.what}: {done} of {self.total} instances.")
