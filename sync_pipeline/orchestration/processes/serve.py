"""Keep the code server, the webserver and the daemon running, in the foreground.

One code server serves both others. It is a child of this process rather than of the
daemon, because a daemon never replaces a code server that was killed; this does, and
the others find the new one at the same socket.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays

import argparse
import logging
import os
import signal
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from sync_pipeline.callers import allowed_hosts
from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.files.private import secure_home
from sync_pipeline.orchestration.instance import dagster_environment
from sync_pipeline.orchestration.processes.system import Options, build_system
from sync_pipeline.orchestration.runs.troubles import require_storage
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported
from sync_pipeline.ports import UI_PORT
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.visible import VisibleFormatter
from sync_pipeline.web.serve import is_private, require_doors
from sync_pipeline.workflows.weakened import weakened

_LOG = logging.getLogger("sync_pipeline")
WRONG_COMMAND, UNAVAILABLE = 2, 3


def require_free(host: str, port: int, what: str = "UI", option: str = "--port") -> None:
    """Make sure that a server will get its port.

    Raises:
        ConfigurationError: something listens there, or the address is not ours.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return
    except (OSError, OverflowError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "this is no address"
        raise ConfigurationError(
            f"The {what} can't listen on {host}:{port}: {reason}.",
            hint=f"Choose another port with {option}, or another address with --host. A second "
            "`sync-pipeline up` stands by there.",
        ) from None


def warn_of(options: Options, settings: Settings) -> None:
    """Say who else can reach the UI, and which settings weaken something."""
    for sentence in weakened(settings):
        _LOG.warning("%s", sentence)
    if options.host not in ("127.0.0.1", "localhost", "::1") and not options.read_only:
        _LOG.warning(
            "The UI has no login: whoever reaches %s can start and end runs. Put it behind a "
            "proxy that asks who comes (docs/operations.md, The UI), or give --read-only.",
            options.host,
        )


def _require_console(options: Options, settings: Settings) -> None:
    """Make sure that the console can start, and will let in whom it should alone."""
    require_free(options.host, options.console_port or 0, "console", "--console-port")
    if is_private(options.host, settings):
        return
    store = Store.open(settings.effective_store_url)
    try:
        require_doors(options.host, settings, store)
    finally:
        store.close()


def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: a setting is not valid, or the port is taken.
        StoreUnavailable: the files of Dagster's storage can't be written.
    """
    settings = Settings.load()
    secure_home(settings.home, thoroughly=True)
    options = replace(options, read_only=options.read_only or settings.ui_read_only)
    allowed_hosts(options.host, options.port, settings.ui_allowed_hosts)
    require_free(options.host, options.port)
    if options.console_port is not None:
        _require_console(options, settings)
    warn_of(options, settings)
    os.environ.update(dagster_environment())
    require_storage()
    with tempfile.TemporaryDirectory(prefix="sync_pipeline-") as directory:
        system = build_system(options, settings, dict(os.environ), Path(directory))
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: system.ended.set())
        _LOG.info(
            "The UI is at http://%s:%s in a moment; Ctrl-C ends it.", options.host, options.port
        )
        system.run(options)


def main() -> int:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(prog="serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=UI_PORT)
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--console-port", type=int)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler])
    _LOG.setLevel(logging.INFO)
    try:
        serve(Options(**vars(parser.parse_args())))
    except SyncError as error:
        _LOG.error("%s", error)
        return WRONG_COMMAND if isinstance(error, ConfigurationError) else UNAVAILABLE
    return 0


if __name__ == "__main__":
    keep_what_was_imported()
    sys.exit(main())
