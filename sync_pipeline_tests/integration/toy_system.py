"""What `test_nothing_is_left.py` runs and ends: a test that starts a system and waits."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline_tests.integration.toy_servers import wait_for_the_end
from workbench.running.system import running_system


def test_with_a_system(tmp_path: Path) -> None:
    with running_system(tmp_path / "home"):
        wait_for_the_end("system")
