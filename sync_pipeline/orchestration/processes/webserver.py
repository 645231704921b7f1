"""Dagster's webserver behind the check of who speaks to it; `sync-pipeline up` starts it."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays

import argparse
import logging
import sys
from pathlib import Path

import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from sync_pipeline.callers import allowed_hosts
from sync_pipeline.errors import SyncError
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes.guard import Guard
from sync_pipeline.orchestration.processes.lifeline import ChildEnd
from sync_pipeline.orchestration.processes.services import await_code_server
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported
from sync_pipeline.settings import Settings

_LOG = logging.getLogger("sync_pipeline")
# What Dagster's own command has by default.
STATEMENT_MILLISECONDS = 15_000
POOL_RECYCLE_SECONDS = 3600
POOL_OVERFLOW = 20
SECONDS_TO_STOP = 5
MOST_FRAME_BYTES = 2**20


def serve(host: str, port: int, workspace: Path, *, read_only: bool) -> None:
    """Serve the UI until SIGINT or SIGTERM.

    Raises:
        SyncError: a setting is wrong, or Dagster's storage does not answer.
    """
    allowed = allowed_hosts(host, port, Settings.load().ui_allowed_hosts)
    with open_instance() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        target = WorkspaceFileTarget(paths=[str(workspace)])
        with WorkspaceProcessContext(
            instance, target, version=__version__, read_only=read_only
        ) as process:
            app = create_app_from_workspace_process_context(process)
            uvicorn.run(
                Guard(app, allowed),
                host=host,
                port=port,
                log_level="warning",
                # It refuses a request without a host or with two, and never takes a URL for a path.
                http="h11",
                ws_max_size=MOST_FRAME_BYTES,
                # Who sends a request is not taken from what it says of itself.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=SECONDS_TO_STOP,
            )


def main() -> int:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(prog="webserver", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--code-server", type=Path, help="where it listens, if it is to be awaited")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--life", type=int, help="descriptor of the line to its keeper")
    options = parser.parse_args()
    configure_loggers(log_level="WARNING")
    if options.life is not None:
        ChildEnd.inherited(options.life).watch()
    if options.code_server is not None:
        await_code_server(options.code_server)
    try:
        serve(options.host, options.port, options.workspace, read_only=options.read_only)
    except SyncError as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    keep_what_was_imported()
    sys.exit(main())
