"""What the ops, hooks and sensors are given."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import dagster as dg

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps


def utc_now() -> datetime:
    """Return the present moment, aware."""
    return datetime.now(UTC)


@contextmanager
def open_dependencies() -> Iterator[SyncDeps]:
    """Open the store and the vault that the settings name, and close them after use.

    Raises:
        SyncError: a setting is wrong, or the store does not answer.
    """
    settings = Settings.load()
    store = Store.open(settings.effective_store_url)
    try:
        yield SyncDeps(store, SecretVault.open(settings), settings, utc_now)
    finally:
        store.close()


class PipelineResource(dg.ConfigurableResource[SyncDeps]):
    """Store, secrets and settings, opened by the step that uses them.

    It has no configuration, because Dagster shows that in the UI, and it opens nothing
    by itself, because an error then would fail the step without a retry.
    """

    def open(self) -> AbstractContextManager[SyncDeps]:
        """Open everything for one step; see `open_dependencies`."""
        return open_dependencies()
