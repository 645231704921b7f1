"""How long a process may give no sign of life until it is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GRACE = 1.5
"""Of the longest silence: the first sign after a start may take so much longer."""
MOST_PATIENCE = 16
LONGEST_STEP = 2.0
"""In looks: what an observer that was late itself counts of a silence, at most."""


class Look(StrEnum):
    """What one look at a process found."""

    ALIVE = "alive"
    SILENT = "silent"
    BLIND = "blind"
    """It can't be told: the store, or another process that it needs, is away."""


@dataclass(slots=True)
class Patience:
    """One process, as an observer sees it that looks every `look_seconds`.

    Silence is what the observer itself has seen of it, look by look: a machine that stands
    still, or an observer that could not look, is not held against the process. After each
    replacement the next one takes twice as long, until the process was well for as long.
    """

    silence_seconds: float
    look_seconds: float
    factor: int = 1
    silent_for: float = 0.0
    well_for: float = 0.0
    looked_at: float | None = None
    is_starting: bool = True

    def started(self) -> None:
        """Begin anew with a process that was started just now."""
        self.silent_for = self.well_for = 0.0
        self.looked_at, self.is_starting = None, True

    def see(self, look: Look, now: float) -> None:
        """Count what a look found, `now` by a steady clock."""
        longest = LONGEST_STEP * self.look_seconds
        step = 0.0 if self.looked_at is None else min(now - self.looked_at, longest)
        self.looked_at = now
        if look is Look.BLIND:
            self.silent_for = 0.0
        elif look is Look.SILENT:
            self.silent_for += step
            self.well_for = 0.0
        else:
            self.silent_for, self.is_starting = 0.0, False
            self.well_for += step
            if self.well_for > self.limit:
                self.factor = 1

    @property
    def limit(self) -> float:
        """Return the silence in seconds after which the process is replaced."""
        return self.silence_seconds * self.factor * (GRACE if self.is_starting else 1.0)

    @property
    def is_over(self) -> bool:
        """Return whether the process was silent for too long."""
        return self.silent_for > self.limit

    def replaced(self) -> None:
        """Note that it was replaced: be more patient with the next one."""
        self.factor = min(self.factor * 2, MOST_PATIENCE)
        self.started()
