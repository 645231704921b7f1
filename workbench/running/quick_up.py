"""`up` for tests that wait for runs: its daemon looks more often.

All three processes are the real ones; see `quick_daemon`. What is shown of Dagster's own times is
shown with `up` itself.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # as the real one

import sys
from collections.abc import Mapping
from pathlib import Path

from sync_pipeline.orchestration.processes import serve
from sync_pipeline.orchestration.processes.system import Options, System, build_system
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported
from sync_pipeline.settings import Settings

QUICK_DAEMON = "workbench.running.quick_daemon"


def hurried(
    options: Options, settings: Settings, environment: Mapping[str, str], directory: Path
) -> System:
    """Return the system, with the daemon that hurries."""
    system = build_system(options, settings, environment, directory)
    python, option, _, *rest = system.daemon.command
    system.daemon.command = [python, option, QUICK_DAEMON, *rest]
    return system


if __name__ == "__main__":
    serve.build_system = hurried
    keep_what_was_imported()
    sys.exit(serve.main())
