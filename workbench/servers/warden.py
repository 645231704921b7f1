"""Ends what a process of a test run has started, once that process is over.

Everything that a test starts inherits a mark in its environment, through new sessions, other
users and servers that detach alike. The warden is a small process outside of the run: it waits
for the end of the process that it guards, however that comes, and then kills all that have the
mark, and all that these started. Linux alone has what it needs: elsewhere nothing is guarded.

Only the standard library is used, and it runs as a file: before anything is installed too.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "TEST_RUN_OF_SYNC_PIPELINE"
"""Names the guards of a process, with colons between them: it is in that many runs."""
SECONDS_TO_END = 4.0
"""After an interrupt, in which the run may end what it started in its own way."""
SECONDS_TO_BE_OVER = 4.0
"""After that, until the guarded process is killed too."""
SECONDS_TO_KILL = 5.0


@dataclass(frozen=True, slots=True)
class Guard:
    """A warden at work, as the process that it guards sees it."""

    process: subprocess.Popen[bytes] | None

    def interrupted(self) -> None:
        """Say that the run is to end: what it started has `SECONDS_TO_END` left."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.write(b"!")


def guard() -> Guard:
    """Guard this process, and what it starts from now on."""
    if not hasattr(os, "pidfd_open"):
        return Guard(None)
    own = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(os.getpid()), own],
        env={name: value for name, value in os.environ.items() if name != MARK},
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.environ[MARK] = ":".join(filter(None, [os.environ.get(MARK), own]))
    return Guard(process)


def marked(own: str, but: int) -> set[int]:
    """Return the processes that have a mark, `but` one, and all that these have started."""
    found: set[int] = set()
    parents = dict(_all())
    parents.pop(but, None)
    for process in parents:
        # It may have ended since, or be none of ours to read.
        with suppress(OSError):
            if own in _marks(Path(f"/proc/{process}/environ").read_bytes()):
                found.add(process)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _marks(environment: bytes) -> list[str]:
    items = environment.decode(errors="replace").split("\0")
    values = (item.removeprefix(f"{MARK}=") for item in items if item.startswith(f"{MARK}="))
    return [mark for value in values for mark in value.split(":")]


def _all() -> Iterator[tuple[int, int]]:
    """Yield all processes that are not over, each with its parent: proc_pid_stat(5)."""
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (directory / "stat").read_text().rpartition(") ")[2].split()[:2]
            if state not in "ZX":
                yield int(directory.name), int(parent)


def end(own: str, but: int) -> None:
    """Kill what has a mark, `but` one process, until there is nothing more.

    All are stopped before the first is killed: a child whose parent is gone, and that wrote
    over its environment as some servers do, would not be found again.
    """
    deadline = time.monotonic() + SECONDS_TO_KILL
    while (found := marked(own, but)) and time.monotonic() < deadline:
        stopped: set[int] = set()
        while new := found - stopped:
            _signal(new, signal.SIGSTOP)
            stopped |= new
            found = marked(own, but)
        _signal(stopped, signal.SIGKILL)
        time.sleep(0.05)


def _signal(processes: Iterable[int], what: signal.Signals) -> None:
    for process in processes:
        with suppress(OSError):
            os.kill(process, what)


def watch(guarded: int, own: str) -> None:
    """Wait for the end of a process, or for its word, and end what has its mark."""
    # One that has ended already needs no watching.
    with suppress(ProcessLookupError):
        life = os.pidfd_open(guarded)
        if os.getppid() == guarded and _is_told(life, sys.stdin.fileno()):
            if not _is_over(life, SECONDS_TO_END):
                end(own, but=guarded)
            if not _is_over(life, SECONDS_TO_BE_OVER):
                _signal({guarded}, signal.SIGKILL)
    end(own, but=os.getpid())


def _is_told(life: int, line: int) -> bool:
    """Wait for a word of the guarded process or for its end; return whether it was a word.

    The line breaks where the process becomes another program, and guarding goes on.
    """
    waiting = [life, line]
    while life not in select.select(waiting, [], [])[0]:
        if os.read(line, 1):
            return True
        waiting = [life]
    return False


def _is_over(life: int, seconds: float) -> bool:
    return bool(select.select([life], [], [], seconds)[0])


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2])
