"""Real syncs of an instance that nobody answers for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from sync_pipeline.errors import ConnectError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import NewSession, SessionStatus, SyncCategory, SyncType
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from workbench.servers.running import free_port

TIMES = 4
"""As often as it takes until an instance is tried less often."""


def sync_in_vain(store: Store, home: Path, name: str, now: datetime) -> str:
    """Register an instance at a closed port, sync it some times, and return the last session."""
    settings = Settings(home=home)
    deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: now)
    credential = StoredCredential("absent", "absent", deps.vault.seal(Secret("absent")))
    store.registry.put_credential(credential, now)
    absent = Instance(
        0, name, EngineName.POSTGRESQL, "127.0.0.1", free_port(), "absent",
        tls=TlsOptions(TlsMode.DISABLE),
    )  # fmt: skip
    store.registry.put_instances([absent], now)
    known = store.registry.instance(name)
    assert known is not None
    for number in range(TIMES):
        session_id = str(uuid5(NAMESPACE_OID, f"{name}{number}"))
        kind = SyncCategory.ACCOUNT
        new = NewSession(session_id, SyncType.MANUAL_TASK, kind, "account_sync", session_id)
        store.sessions.open(new, [known], now)
        try:
            sync_instance_accounts(deps, InstanceWork(known, session_id, session_id, kind))
        except ConnectError:
            store.sessions.close_run(session_id, session_id, SessionStatus.FAILED, None, now)
        else:
            raise AssertionError("somebody answered")
    return session_id
