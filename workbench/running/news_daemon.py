"""A process that tells the news of a home, as the daemon does, with a clock that runs quickly.

Its first argument says where it kills itself: `taking` (in the transaction that takes events),
`sending` (a message is claimed and not yet sent), `noting` (the channel has answered, and that is
not noted), or nowhere.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.settings import Settings
from sync_pipeline.store.events import outbox as outbox_module
from sync_pipeline.store.events.outbox import OutboxStore
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.news import telling
from sync_pipeline.workflows.news.rules import alerting_of
from sync_pipeline.workflows.news.telling import channels_of, tell_news

SPEED = 600
"""Seconds of its clock in one of ours: waits of minutes are over in a moment."""


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


PLACES: Mapping[str, Callable[[], None]] = {
    "nowhere": lambda: None,
    "taking": lambda: setattr(outbox_module, "_insert", die),
    "sending": lambda: setattr(telling, "as_delivered", die),
    "noting": lambda: setattr(OutboxStore, "note_sent", die),
}


def main() -> None:
    settings = Settings.load()
    PLACES[sys.argv[1]]()
    store = Store.open(settings.effective_store_url)
    begun, origin = time.time(), datetime.fromtimestamp(float(sys.argv[2]), UTC)

    def clock() -> datetime:
        return origin + timedelta(seconds=(time.time() - begun) * SPEED)

    deps = SyncDeps(store, SecretVault.open(settings), settings, clock)
    alerting = alerting_of(settings)
    channels = channels_of(deps, alerting)
    while True:
        for item in tell_news(deps, alerting, channels):
            sys.stdout.write(f"{item.channel} {'told' if item.error is None else 'not'}\n")
            sys.stdout.flush()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
