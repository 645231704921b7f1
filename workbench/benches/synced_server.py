"""A real server that is synced into a store of its own, with events or without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import NewSession, SyncCategory, SyncType
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.sync_news import SyncNews
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing import accounts
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from workbench.benches.noticed import noticed_since
from workbench.benches.store_bench import START
from workbench.servers.running import RunningServer

NAME, MONITOR = "server", "monitor"


@dataclass
class SyncedServer:
    """One server in a store. Without `is_told` its syncs make no event.

    `asked` says how often they came to where it is decided what is news.
    """

    server: RunningServer
    home: Path
    is_told: bool
    now: datetime = START
    asked: int = 0
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.home.mkdir()
        settings = Settings(home=self.home)
        self.store = Store.open(settings.effective_store_url)
        vault = SecretVault.open(settings)
        self.deps = SyncDeps(self.store, vault, settings, lambda: self.now)
        secret = vault.seal(Secret(self.server.admin_password))
        credential = StoredCredential(MONITOR, self.server.admin_user, secret)
        self.store.registry.put_credential(credential, self.now)
        made = Instance(
            id=0,
            name=NAME,
            engine=self.server.engine,
            host=self.server.host,
            port=self.server.port,
            credential=MONITOR,
            tls=TlsOptions(TlsMode.DISABLE),
            database=self.server.database or None,
        )
        self.store.registry.put_instances([made], self.now)

    def sync(self) -> float:
        """Sync it half an hour later, and return the CPU seconds of this process."""
        self.now += timedelta(minutes=30)
        found = self.store.registry.instance(NAME)
        assert found is not None
        key = str(uuid4())
        new = NewSession(key, SyncType.SCHEDULED_TASK, SyncCategory.ACCOUNT, "account_sync", key)
        self.store.sessions.open(new, [found], self.now)
        work = InstanceWork(found, key, key, SyncCategory.ACCOUNT)
        with self._deciding():
            began = time.process_time()
            accounts.sync_instance_accounts(self.deps, work)
            return time.process_time() - began

    def events(self) -> int:
        """Return how many events its syncs have made."""
        return len(noticed_since(self.store))

    @contextmanager
    def _deciding(self) -> Iterator[None]:
        real = SyncNews.of

        def decide(*args: Any) -> SyncNews | None:
            self.asked += 1
            return real(*args) if self.is_told else None

        SyncNews.of = decide  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            SyncNews.of = real  # type: ignore[method-assign]
