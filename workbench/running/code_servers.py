"""A code server of its own, as `up` and `sync-pipeline run` have one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync_pipeline.orchestration.processes.code_server import command
from sync_pipeline.settings import project_root
from workbench.fleet.processes import descendants
from workbench.running.system import wait_for

SECONDS_TO_START, SECONDS_TO_END = 120, 60
CHILDREN = "/proc/{0}/task/{0}/children"


@dataclass(frozen=True)
class CodeServerBench:
    """The process, and where it listens."""

    process: subprocess.Popen[bytes]
    address: Path

    @property
    def template(self) -> int:
        """The process of which those of runs are forked."""
        (found,) = Path(CHILDREN.format(self.process.pid)).read_text().split()[:1]
        return int(found)


@contextmanager
def running_code_server(
    directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[CodeServerBench]:
    """Start one that listens in a directory, and end it with all that it started."""
    address = directory / "code.sock"
    with (directory / "code_server.log").open("ab") as log:
        process = subprocess.Popen(
            command(address, 600), cwd=project_root(), env=environment, stdout=log, stderr=log
        )
    bench = CodeServerBench(process, address)
    try:
        wait_for(lambda: address.exists() or process.poll(), SECONDS_TO_START, "a code server")
        yield bench
    finally:
        left = list(descendants(process.pid))
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in left:
            wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists(), 60, f"the end of {pid}")
