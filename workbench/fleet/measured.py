"""Run commands side by side and say what they and all their descendants used.

    python -m workbench.fleet.measured RESULT.json LIMIT_SECONDS '[["command", "argument"]]'

A process of its own does this, because it adopts descendants whose parents end first (the
fork server of a multiprocess run), so that their CPU seconds are counted too.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.fleet.processes import descendants, resident_bytes

_SET_CHILD_SUBREAPER = 36
_SECONDS_BETWEEN_SAMPLES = 0.5


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run used. The memory is that of all its processes together, at its peak."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    is_cut: bool


@dataclass(slots=True)
class _Samples:
    peak_bytes: int = 0
    is_cut: bool = False


def measure(
    commands: Sequence[Sequence[str]],
    environment: Mapping[str, str],
    directory: Path,
    limit_seconds: float,
) -> Usage:
    """Run commands side by side, ended by force at the limit; their output is in run.log."""
    result = directory / "usage.json"
    arguments = [str(result), str(limit_seconds), json.dumps(commands)]
    with (directory / "run.log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "workbench.fleet.measured", *arguments],
            env=dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return Usage(**json.loads(result.read_text()))


def _adopt_orphans() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _sample(samples: _Samples, deadline: float) -> None:
    while True:
        samples.peak_bytes = max(samples.peak_bytes, resident_bytes(os.getpid()))
        if time.monotonic() > deadline:
            samples.is_cut = True
            for pid in list(descendants(os.getpid())):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_SECONDS_BETWEEN_SAMPLES)


def main() -> int:
    """Run and measure what the command line names."""
    result, limit, commands = sys.argv[1:]
    _adopt_orphans()
    samples = _Samples()
    started = time.monotonic()
    for command in json.loads(commands):
        os.posix_spawnp(command[0], command, os.environ)
    watch = threading.Thread(
        target=_sample, args=(samples, started + float(limit)), daemon=True
    )  # fmt: skip
    watch.start()
    with suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    usage = Usage(
        wall_seconds=time.monotonic() - started,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_bytes=samples.peak_bytes,
        is_cut=samples.is_cut,
    )
    Path(result).write_text(json.dumps(asdict(usage)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
