"""A run's part of a session of syncs, in a process that can be killed anywhere.

It does what the steps of a run do, one instance after the other, with the clock of a test.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from sync_pipeline.errors import SyncError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.settings import Settings
from sync_pipeline.store import accounts as store_accounts
from sync_pipeline.store.leases import LeaseStore
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing import accounts as syncing
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from sync_pipeline.workflows.syncing.sizes import sync_instance_sizes

PLACES: Mapping[str, tuple[object, str]] = {
    # Read, and nothing of it is written.
    "reading": (syncing, "basis_of"),
    # In the transaction: before its events, and after them.
    "writing": (store_accounts, "write_facts"),
    "ending": (store_accounts, "write_use"),
    # Committed, and the process knows it, and nobody else.
    "written": (LeaseStore, "release"),
}
NOWHERE = "nowhere"
SYNCS: Mapping[SyncCategory, Callable[[SyncDeps, InstanceWork], object]] = {
    SyncCategory.ACCOUNT: sync_instance_accounts,
    SyncCategory.CAPACITY: sync_instance_sizes,
}


@dataclass(frozen=True)
class Part:
    """Which instances one run syncs, when, and where it dies: the how-manieth time it is there."""

    home: Path
    store_url: str
    session_id: str
    run_id: str
    names: tuple[str, ...]
    now: datetime
    place: str = NOWHERE
    after: int = 0
    category: SyncCategory = SyncCategory.ACCOUNT


def die_at(place: str, after: int) -> None:
    """Let this process kill itself where it comes to a place once more than so many times."""
    owner, name = PLACES[place]
    real: Callable[..., Any] = getattr(owner, name)
    times = count()

    def counted(*args: Any, **kwargs: Any) -> Any:
        if next(times) >= after:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(owner, name, counted)


def carry_out(part: Part) -> None:
    """Sync the instances; one that fails stops no other."""
    settings = Settings(home=part.home, store_url=part.store_url)
    if part.place != NOWHERE:
        die_at(part.place, part.after)
    store = Store.open(settings.effective_store_url)
    deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: part.now)
    for name in part.names:
        instance = store.registry.instance(name)
        assert instance is not None
        work = InstanceWork(instance, part.session_id, part.run_id, part.category)
        with suppress(SyncError):
            SYNCS[part.category](deps, work)
    store.close()


@contextmanager
def sync_processes() -> Iterator[ForkServerContext]:
    """Start the server from which such processes are forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    yield context
    server = multiprocessing.forkserver._forkserver  # type: ignore[attr-defined]
    server._stop()
