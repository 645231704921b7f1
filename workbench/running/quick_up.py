"""`up` for tests that wait for runs: its daemon looks more often, and one process imports for all.

All three processes do what the real ones do; see `quick_daemon`. Each is forked off this process
before that has a thread, and waits for its first start: the same was imported four times
otherwise, most of what `up` costs. One that is started again is a fresh interpreter, as always.
What is shown of Dagster's own times, and of how `up` starts, is shown with `up` itself.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # as the real one

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sync_pipeline.orchestration.processes import code_server, serve, services, webserver
from sync_pipeline.orchestration.processes.system import Options, System, build_system
from sync_pipeline.orchestration.processes.template import has_threads
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported
from sync_pipeline.settings import Settings
from workbench.running import quick_daemon
from workbench.running.forked import ROOM, Forked

QUICK_DAEMON = "workbench.running.quick_daemon"
MAINS = {
    "sync_pipeline.orchestration.processes.code_server": code_server.main,
    "sync_pipeline.orchestration.processes.webserver": webserver.main,
    QUICK_DAEMON: quick_daemon.main,
}


class Starts:
    """Stands in for `subprocess.Popen`: the first start of each program takes what waits for it."""

    def __init__(self) -> None:
        self._waiting = {} if has_threads() else {name: Forked(MAINS[name]) for name in MAINS}

    def __call__(self, command: list[str], **options: Any) -> subprocess.Popen[bytes] | Forked:
        waiting = self._waiting.pop(command[2], None)
        if waiting is None:
            return subprocess.Popen(command, **options)
        waiting.start(
            command, options["cwd"], options["env"], options["umask"], options["pass_fds"]
        )
        return waiting


def hurried(
    options: Options, settings: Settings, environment: Mapping[str, str], directory: Path
) -> System:
    """Return the system, with the daemon that hurries."""
    system = build_system(options, settings, environment, directory)
    python, option, _, *rest = system.daemon.command
    system.daemon.command = [python, option, QUICK_DAEMON, *rest]
    services.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": Starts()})  # type: ignore[assignment]
    return system


if __name__ == "__main__":
    sys.argv = [item for item in sys.argv if item != ROOM]
    serve.build_system = hurried
    code_server.load()
    keep_what_was_imported()
    sys.exit(serve.main())
