"""Serve the console: over a store that is opened to be read, without the key of secrets."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.callers import LOOPBACK, allowed_hosts
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps

if TYPE_CHECKING:
    from sync_pipeline.web.workers.keeper import Lifeline

_LOG = logging.getLogger("sync_pipeline")
MOST_TO_ACCEPT = 200


class NoSecrets(SecretVault):
    """The vault of who is given no key."""

    def __init__(self) -> None:
        super().__init__("", Path("/nonexistent/no.key"))


@contextmanager
def reading(settings: Settings, clock: Callable[[], datetime]) -> Iterator[SyncDeps]:
    """Open the store so that nothing can be written, with no way to any secret of the fleet.

    Raises:
        ConfigurationError: the tables of the store are those of another version.
        StoreUnavailable: it does not answer.
    """
    store = Store.open_to_read(settings.effective_store_url)
    # Whoever is given these settings can't read the secrets in them either.
    secret = (name for name, field in Settings.model_fields.items() if not field.repr)
    bare = settings.model_copy(update=dict.fromkeys(secret, ""))
    try:
        yield SyncDeps(store, NoSecrets(), bare, clock)
    finally:
        store.close()


def is_private(host: str, settings: Settings) -> bool:
    """Return whether only this machine reaches the console, by its own names."""
    return host in LOOPBACK and not settings.ui_allowed_hosts and not settings.console_proxies


def require_doors(host: str, settings: Settings, store: Store) -> None:
    """Make sure that nobody comes in without saying who they are where others reach the console.

    Raises:
        ConfigurationError: there is no token and no proxy that says it.
    """
    if is_private(host, settings) or settings.console_proxies or store.tokens.is_any():
        return
    raise ConfigurationError(
        f"The console would answer on {host} to whoever comes: there is no token yet.",
        hint="Make one: sync-pipeline console tokens add NAME --expires 90d.",
    )


def serve(
    host: str,
    port: int,
    settings: Settings,
    clock: Callable[[], datetime],
    lifeline: Lifeline | None = None,
) -> None:
    """Serve by some processes until SIGINT or SIGTERM; this one keeps them (ADR 0057).

    Raises:
        ConfigurationError: a setting is wrong, the port is taken, or nobody would be asked who
            they are.
        StoreUnavailable: the store does not answer.
    """
    from sync_pipeline.web.workers.serving import keep  # noqa: PLC0415 - after what can be wrong

    allowed = allowed_hosts(host, port, settings.ui_allowed_hosts)
    with reading(settings, clock) as deps:
        require_doors(host, settings, deps.store)
    with _listening(host, port) as listener:
        named = f"[{host}]" if ":" in host else host
        _LOG.info("The console is at http://%s:%s; Ctrl-C ends it.", named, port)
        keep(
            listener,
            lambda: reading(settings, clock),
            settings,
            allowed,
            is_private=is_private(host, settings),
            lifeline=lifeline,
        )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=MOST_TO_ACCEPT)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "this is no address"
        raise ConfigurationError(
            f"The console can't listen on {host}:{port}: {reason}.",
            hint="Choose another port with --port, or another address with --host.",
        ) from None
    with listener:
        yield listener
