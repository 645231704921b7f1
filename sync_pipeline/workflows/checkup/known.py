"""What several looks need of the store: read once, by whoever asks first."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.store_look import StoreLook
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps

SPARED_SECONDS = 1.0
"""Before the end of all, so that what did not answer is named by who knows what it was."""


T = TypeVar("T")


class UnknownStore(Exception):
    """The store can't say; whoever looked at it says why."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The active instances, and all credentials."""

    instances: tuple[Instance, ...]
    credentials: tuple[StoredCredential, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: the settings, until when, and what the store says of it."""

    settings: Settings
    clock: Callable[[], datetime]
    ends_at: float
    each: int = 1
    _store: Future[StoreLook] = field(default_factory=Future)
    _fleet: Future[Fleet] = field(default_factory=Future)

    @property
    def seconds_left(self) -> float:
        """Return how long there is for an answer."""
        return max(0.1, self.ends_at - SPARED_SECONDS - time.monotonic())

    @property
    def url(self) -> str:
        """Return the store's URL."""
        return self.settings.effective_store_url

    def look_at_store(self) -> StoreLook:
        """Look at the store, for all who wait for it.

        Raises:
            SyncError: it can't be looked at.
        """
        try:
            found = Store.look(self.url, self.seconds_left)
        except BaseException as error:
            self._store.set_exception(error)
            raise
        self._store.set_result(found)
        return found

    def read_fleet(self) -> None:
        """Read what the fleet is, for all who wait for it; the look at the store tells why not."""
        try:
            found = self._read()
        except BaseException as error:  # noqa: BLE001 - it is told by the look at the store
            self._fleet.set_exception(error)
            return
        self._fleet.set_result(found)

    def _read(self) -> Fleet:
        look = self.store()
        if look.revision != look.newest:
            raise UnknownStore
        deps = self.deps()
        try:
            registry = deps.store.registry
            instances = registry.instances(include_inactive=False)
            return Fleet(tuple(instances), tuple(registry.credentials()))
        finally:
            deps.store.close()

    def store(self) -> StoreLook:
        """Return what the store is, when it was looked at.

        Raises:
            UnknownStore: it could not be.
        """
        return _of(self._store, self.seconds_left)

    def fleet(self) -> Fleet:
        """Return what the fleet is.

        Raises:
            UnknownStore: the store does not say.
        """
        return _of(self._fleet, self.seconds_left)

    def deps(self) -> SyncDeps:
        """Open the store so that nothing of it changes; the caller closes it.

        Raises:
            SyncError: it does not answer, or has the tables of another version.
        """
        vault = SecretVault.open(self.settings)
        return SyncDeps(Store.open_untouched(self.url), vault, self.settings, self.clock)


def _of(found: Future[T], seconds: float) -> T:
    with suppress(Exception):
        return found.result(timeout=seconds)
    raise UnknownStore
