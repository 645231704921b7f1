"""A process that changes secrets and keys when it is told to: one line of JSON, one answer."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sync_pipeline.cli.context import utc_now  # the other one imports Dagster
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.secret import Secret
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.credentials import rotate_key, seal
from sync_pipeline.workflows.dependencies import SyncDeps

SECONDS_TO_SPIN = 0.02


def await_moment(at: float) -> None:
    """Wait until a moment, in the end without sleep: it is the same for all that were told it."""
    time.sleep(max(0.0, at - time.time() - SECONDS_TO_SPIN))
    while time.time() < at:
        pass


def opened(home: str) -> SyncDeps:
    settings = Settings(home=Path(home))
    store = Store.open(settings.effective_store_url)
    return SyncDeps(store, SecretVault.open(settings), settings, utc_now)


def work(order: dict[str, str]) -> str:
    deps = opened(order["home"])
    deps.store.registry.credentials()
    # All at one moment: they were told one after the other.
    await_moment(float(order["at"]))
    try:
        if order["do"] == "add":
            stored = seal(deps, Secret(order["secret"]))
            found = StoredCredential(order["name"], "watcher", stored)
            deps.store.registry.add_credential(found, utc_now())
        elif order["do"] == "rotate":
            rotate_key(deps)
        else:
            while True:
                rotate_key(deps)
    except ConfigurationError as error:
        return str(error)
    finally:
        deps.store.close()
    return "done"


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(work(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
