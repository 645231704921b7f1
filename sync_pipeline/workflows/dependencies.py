"""What every workflow is given: nothing is read from the environment in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class SyncDeps:
    """Store, secrets, settings and the clock (aware UTC datetimes)."""

    store: Store
    vault: SecretVault
    settings: Settings
    clock: Callable[[], datetime]
