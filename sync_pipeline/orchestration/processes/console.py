"""The console beside Dagster's UI; `sync-pipeline up --console-port` starts it.

It keeps the processes that answer. It ends with its keeper, and is started again when it ends. Of
the settings it is given those that are no secrets, and the store's URL.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays

import argparse
import logging
import sys
from datetime import UTC, datetime

from sync_pipeline.errors import SyncError
from sync_pipeline.orchestration.processes.lifeline import ChildEnd
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.visible import VisibleFormatter
from sync_pipeline.web.serve import serve

_LOG = logging.getLogger("sync_pipeline")


def utc_now() -> datetime:
    """Return the present moment, aware."""
    return datetime.now(UTC)


def main() -> int:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(prog="console", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--life", type=int, help="descriptor of the line to its keeper")
    options = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler])
    _LOG.setLevel(logging.INFO)
    # Without a thread that watches it: processes are forked off this one.
    line = None if options.life is None else ChildEnd.inherited(options.life)
    try:
        settings = Settings.load()
        # The keeper makes or upgrades the tables, too: whoever comes first.
        Store.open(settings.effective_store_url).close()
        serve(options.host, options.port, settings, utc_now, line)
    except SyncError as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    keep_what_was_imported()
    sys.exit(main())
