"""The endpoints of the fleet: a process that answers at thousands of addresses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.fleet.processes import cpu_seconds
from workbench.fleet.recording import Recording
from workbench.fleet.responder import Latency

_SECONDS_TO_END = 10


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The port that is open at every address of the fleet, and the process behind it."""

    port: int
    process: subprocess.Popen[str]

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU seconds that answering has taken so far."""
        return cpu_seconds(self.process.pid)

    def change(self, share: float) -> None:
        """Let a share of the endpoints answer as after the change, and the others as before.

        Raises:
            RuntimeError: the responder has ended.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the responder has no pipes")
        self.process.stdin.write(f"{share}\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise RuntimeError("the responder has ended")


@contextmanager
def replayed(
    recording: Recording, latency: Latency, directory: Path, changed: Recording | None = None
) -> Iterator[Endpoints]:
    """Serve a recording, and another one at the endpoints that are changed later."""
    path, after = directory / "recording", directory / "recording-changed"
    recording.save(path)
    source = ["--recording", str(path)]
    if changed is not None:
        changed.save(after)
        source += ["--changed", str(after)]
    with _responder(source, latency) as endpoints:
        yield endpoints


@contextmanager
def handed_through(port: int, latency: Latency) -> Iterator[Endpoints]:
    """Serve one real server, which listens at a loopback port, under all the names."""
    with _responder(["--upstream", str(port)], latency) as endpoints:
        yield endpoints


@contextmanager
def _responder(source: Sequence[str], latency: Latency) -> Iterator[Endpoints]:
    command = [
        sys.executable, "-m", "workbench.fleet.responder", *source,
        "--connect-ms", str(latency.connect * 1000),
        "--round-trip-ms", str(latency.round_trip * 1000),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the responder has no pipes")
    try:
        yield Endpoints(int(process.stdout.readline()), process)
    finally:
        process.stdin.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
