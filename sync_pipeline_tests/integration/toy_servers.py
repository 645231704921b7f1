"""What `test_nothing_is_left.py` runs and ends: a test that starts servers and waits."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from workbench.servers.redis import redis_server
from workbench.servers.running import RunningServer

SAID = "TOY_RUN_SAYS"
SECONDS = 120


def wait_for_the_end(what: str) -> None:
    """Say that all runs, and in which process, and wait to be ended."""
    said = Path(os.environ[SAID]) / what
    said.with_suffix(".new").write_text(str(os.getpid()))
    said.with_suffix(".new").rename(said)
    time.sleep(SECONDS)


def test_with_servers(postgresql_server: RunningServer, tmp_path: Path) -> None:
    """One of another user, one that would name itself anew, and a process that detaches."""
    subprocess.run(["setsid", "--fork", "sleep", str(SECONDS)], check=True)
    with redis_server(tmp_path):
        wait_for_the_end("servers")
