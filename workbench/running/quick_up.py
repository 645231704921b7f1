"""`up` for tests that wait for runs: it looks more often, and starts runs sooner.

All three processes are the real ones; see `quick_daemon` and `quick_code_server`. What is shown
of the start of runs, and of Dagster's own times, is shown with `up` itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from sync_pipeline.orchestration.processes import serve
from sync_pipeline.orchestration.processes.system import Options, System, build_system
from sync_pipeline.settings import Settings

QUICK = {
    "dagster": "workbench.running.quick_code_server",
    "sync_pipeline.orchestration.processes.daemon": "workbench.running.quick_daemon",
}


def hurried(
    options: Options, settings: Settings, environment: Mapping[str, str], directory: Path
) -> System:
    """Return the system, with the programs that hurry."""
    system = build_system(options, settings, environment, directory)
    for service in (system.code_server, system.daemon):
        python, option, module, *rest = service.command
        service.command = [python, option, QUICK[module], *rest]
    return system


if __name__ == "__main__":
    serve.build_system = hurried
    sys.exit(serve.main())
