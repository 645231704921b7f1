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
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.fleet.processes import descendants, resident_bytes

_SET_CHILD_SUBREAPER = 36
_SECONDS_BETWEEN_SAMPLES = 0.5


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run used.

    `peak_bytes` is the memory of all its processes together at its peak, as sampled, and
    `largest_bytes` the most that one of them had, which no sample misses. `exit_status` is that
    of the first command that failed, negative where a signal ended it.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    is_cut: bool
    largest_bytes: int = 0
    exit_status: int = 0


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


def _failed(pids: Collection[int]) -> int:
    """Wait for all processes; return the exit status of the first of these that failed, or 0."""
    failed = 0
    with suppress(ChildProcessError):
        while True:
            pid, status = os.wait()
            if pid in pids:
                failed = failed or os.waitstatus_to_exitcode(status)
    return failed


def main() -> int:
    """Run and measure what the command line names."""
    result, limit, commands = sys.argv[1:]
    _adopt_orphans()
    samples = _Samples()
    started = time.monotonic()
    started_pids = {
        os.posix_spawnp(command[0], command, os.environ) for command in json.loads(commands)
    }
    watch = threading.Thread(
        target=_sample, args=(samples, started + float(limit)), daemon=True
    )  # fmt: skip
    watch.start()
    failed = _failed(started_pids)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    usage = Usage(
        wall_seconds=time.monotonic() - started,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_bytes=samples.peak_bytes,
        is_cut=samples.is_cut,
        largest_bytes=used.ru_maxrss * 1024,
        exit_status=failed,
    )
    Path(result).write_text(json.dumps(asdict(usage)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
