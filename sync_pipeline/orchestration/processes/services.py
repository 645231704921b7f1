"""A child process that is started again when it ends, and ended with its keeper."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sync_pipeline.files.private import PRIVATE_UMASK
from sync_pipeline.orchestration.processes.lifeline import KeeperEnd
from sync_pipeline.settings import project_root

_LOG = logging.getLogger("sync_pipeline")
SECONDS_TO_STOP = 15.0
SECONDS_TO_REPLACE = 5.0
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
SECONDS_OF_A_GOOD_START = 60.0


def await_code_server(address: Path) -> None:
    """Wait until the code server listens: Dagster complains loudly of one that is late.

    Others import what they need meanwhile. One that does not come at all is left to Dagster.
    """
    deadline = time.monotonic() + SECONDS_OF_A_GOOD_START
    while not address.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def nothing() -> Sequence[str]:
    """Return no further arguments."""
    return ()


@dataclass(slots=True)
class Service:
    """A child process that is started again when it ends.

    One with a line is told its descriptor by `--life`; `prepare` is called before each start
    and returns what else its command line gets.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    has_line: bool = False
    prepare: Callable[[], Sequence[str]] = nothing
    process: subprocess.Popen[bytes] | None = None
    line: KeeperEnd | None = None
    starts: int = 0
    wait_seconds: float = SHORTEST_WAIT
    started_at: float = 0.0
    restart_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only its keeper."""
        command = [*self.command, *self.prepare()]
        line = KeeperEnd() if self.has_line else None
        if line is not None:
            command += ["--life", str(line.descriptor)]
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            command,
            cwd=project_root(),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=PRIVATE_UMASK,
            pass_fds=(line.descriptor,) if line else (),
        )
        if line is not None:
            line.started()
        self.line = line
        self.starts += 1
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Return whether there is a process."""
        return self.process is not None and self.process.poll() is None

    def keep(self) -> None:
        """Start it again if it has ended: soon the first time, later after each failure."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.restart_at:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        if now - self.started_at > SECONDS_OF_A_GOOD_START:
            self.wait_seconds = SHORTEST_WAIT
        _LOG.warning(
            "The %s ended with status %s; starting it again in %.0f seconds.",
            self.name,
            status,
            self.wait_seconds,
        )
        self._forget()
        self.restart_at = now + self.wait_seconds
        self.wait_seconds = min(self.wait_seconds * 2, LONGEST_WAIT)

    def stop(self, seconds: float = SECONDS_TO_STOP) -> None:
        """Ask it to end, and end it by force when it does not."""
        if self.process is not None and self.is_running:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None and self.is_running:
            self.process.kill()
            self.process.wait()
        self._forget()

    def replace(self) -> None:
        """End one that gives no sign of life, and start another."""
        self.stop(SECONDS_TO_REPLACE)
        self.start()

    def _forget(self) -> None:
        self.process, self.restart_at = None, 0.0
        if self.line is not None:
            self.line.close()
            self.line = None
