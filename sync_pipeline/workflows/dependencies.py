"""What every workflow is given: nothing is read from the environment in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.engines.wire.budget import Budget
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.syncing.memory import budget_of


@dataclass(frozen=True, slots=True)
class SyncDeps:
    """Store, secrets, settings, the clock (aware UTC datetimes), and what syncs may hold.

    So many runs of one session are at work on this machine (`runs_at_once`). `tell` shows
    somebody who waits how far long work is; None: nobody does.
    """

    store: Store
    vault: SecretVault
    settings: Settings
    clock: Callable[[], datetime]
    tell: Callable[[str], None] | None = field(default=None, compare=False)
    runs_at_once: int = field(default=1, compare=False)
    memory: Budget = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Bound what all syncs that are given this hold together."""
        object.__setattr__(self, "memory", budget_of(self.settings, self.runs_at_once))
