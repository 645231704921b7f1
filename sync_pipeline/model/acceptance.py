"""Acceptances that commands gave, as the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sync_pipeline.model.finding import Suppression


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted which findings, why and until when, and whether that was taken back (UTC)."""

    suppression: Suppression
    removed_by: str = ""
    removed_at: datetime | None = None

    def state_on(self, today: date) -> str:
        """Return a word for whether it holds on a day."""
        if self.removed_at is not None:
            return "taken back"
        return "holds" if today <= self.suppression.until else "expired"


@dataclass(frozen=True, slots=True)
class KeptAcceptances:
    """Those that were not taken back, and what tells this state of them from another."""

    suppressions: tuple[Suppression, ...] = ()
    turn: int = 0
