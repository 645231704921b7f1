"""Whatever ends a test run, nothing that it started lives on for long.

Two runs of toy tests with real servers show it, and small programs the other ways to end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync_pipeline.settings import project_root
from sync_pipeline_tests.integration.toy_servers import SAID
from workbench.servers.memory import TEMPORARY

# The warden waits for thirteen seconds at most, and a machine may be busy.
SECONDS = 30.0
START_SECONDS = 120
FOLDER = Path(__file__).parent
Process = tuple[int, str]
"""Its number, and when it started: numbers come again."""


@dataclass(frozen=True)
class Run:
    """A program that starts others. Of toy tests, each is in a worker of its own."""

    process: subprocess.Popen[bytes]
    directory: Path

    def worker_of(self, what: str) -> int:
        """Return the process in which a toy test waits."""
        return int((self.directory / what).read_text())

    def wait_for(self, what: str) -> None:
        """Wait until it has said that something runs."""
        deadline = time.monotonic() + START_SECONDS
        while not (self.directory / what).exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"{what} did not start: {(self.directory / 'log').read_text()}")
            time.sleep(0.05)

    def started(self, by: int | None = None) -> set[Process]:
        """Return what lives of a process, this run's at first, and of all that it started.

        That is found by two ways: by its parents, and by a variable that names this run.
        """
        found = {self.process.pid if by is None else by}
        alive = living()
        if by is None:
            found |= {process for process in alive if self._is_named(process)}
        while more := {item for item, (parent, _) in alive.items() if parent in found} - found:
            found |= more
        return {(item, alive[item][1]) for item in found if item in alive}

    def _is_named(self, process: int) -> bool:
        with suppress(OSError):
            name = f"{SAID}={self.directory}".encode()
            return name in Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        return False


def living() -> dict[int, tuple[int, str]]:
    """Return the parent and the start of each process that is not over: proc_pid_stat(5)."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (directory / "stat").read_text().rpartition(") ")[2].split()
            if told[0] not in "ZX":
                found[int(directory.name)] = (int(told[1]), told[19])
    return found


def still_there(processes: set[Process]) -> set[Process]:
    """Return those that live, with their command lines where the test fails."""
    alive = living()
    return {(item, since) for item, since in processes if alive.get(item, (0, ""))[1] == since}


@contextmanager
def toy(directory: Path, *tests: str) -> Iterator[Run]:
    """Run toy tests in a session of their own, until each has said that all runs."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-n", str(len(tests)), *(str(FOLDER / f"toy_{test}.py") for test in tests)]
    with running(directory, command) as run:
        for test in tests:
            run.wait_for(test)
        yield run


@contextmanager
def running(directory: Path, command: list[str]) -> Iterator[Run]:
    """Start a program in a session of its own; nothing of it is left after."""
    log = directory / "log"
    # One run of pytest closes the directory that it shares with another to all other users.
    environment = {**os.environ, SAID: str(directory), TEMPORARY: str(directory)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project_root(),
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    run = Run(process, directory)
    try:
        yield run
    finally:
        for item, _ in run.started():
            with suppress(OSError):
                os.kill(item, signal.SIGKILL)
        process.wait()


def gone(processes: set[Process], since: float) -> None:
    """Check that all end in the time that the warden takes, after a moment."""
    while left := still_there(processes):
        commands = [Path(f"/proc/{item}/cmdline") for item, _ in left]
        if time.monotonic() - since > SECONDS:
            pytest.fail(f"they live: {[path.read_text() for path in commands if path.exists()]}")
        time.sleep(0.1)


def to_all(run: Run, what: signal.Signals) -> None:
    """Send what a terminal sends: to the whole group of processes in the foreground."""
    os.killpg(run.process.pid, what)


def twice(run: Run) -> None:
    to_all(run, signal.SIGINT)
    time.sleep(0.3)
    to_all(run, signal.SIGINT)


def test_ctrl_c_twice_leaves_nothing(tmp_path: Path) -> None:
    with toy(tmp_path, "servers") as run:
        found = run.started()
        for _ in range(2):
            os.killpg(run.process.pid, signal.SIGINT)
            time.sleep(0.3)
        gone(found, time.monotonic())
        assert not run.started()


def test_a_worker_that_is_killed_leaves_nothing_and_ctrl_c_ends_the_rest(tmp_path: Path) -> None:
    with toy(tmp_path, "servers", "system") as run:
        of_one = run.started(by=run.worker_of("servers"))
        of_other = run.started(by=run.worker_of("system"))
        # What detached has no parent of this run any more.
        detached = {item for item in run.started() if name_of(item) == "sleep"}
        assert (len(of_other), len(detached)) >= (4, 1)
        os.kill(run.worker_of("servers"), signal.SIGKILL)
        gone(of_one | detached, time.monotonic())
        assert still_there(of_other) == of_other
        rest = run.started()
        os.killpg(run.process.pid, signal.SIGINT)
        gone(rest, time.monotonic())
        assert not run.started()


def name_of(process: Process) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process[0]}/comm").read_text().strip()
    return ""


GUARDED = """
import os, signal, subprocess, sys
from workbench.servers.warden import guard
signal.signal(signal.SIGHUP, signal.SIG_DFL)
warden = guard()
signal.signal(signal.SIGINT, lambda *_: warden.interrupted())
subprocess.Popen(["sleep", "100"])
subprocess.Popen(["setsid", "sleep", "100"])
subprocess.run(["setsid", "--fork", "sh", "-c", "trap '' TERM INT HUP; sleep 100; true"])
subprocess.Popen(["setsid", "sh", "-c", "env --ignore-environment sleep 100; true"])
if sys.argv[1:] == ["becomes"]:
    os.execvp("sleep", ["sleep", "100"])
while True:
    signal.pause()
"""
"""Starts children that live on, one of them without the mark; it ends at no SIGINT.

A hangup ends it also where the tests were started by nohup, which hands on that it is ignored.
"""
OF_ONE = 8
"""The program, its warden, four that it starts and two that these start."""
WAYS: dict[str, Callable[[Run], None]] = {
    "sigterm": lambda run: run.process.terminate(),
    "sigkill": lambda run: run.process.kill(),
    "hangup of all": lambda run: os.killpg(run.process.pid, signal.SIGHUP),
    "becomes": lambda run: run.process.kill(),
    "stays": lambda run: run.process.send_signal(signal.SIGINT),
}


def test_nothing_is_left_of_a_guarded_program(tmp_path: Path) -> None:
    """All ways at once, since one that stays is given time to end in its own way."""
    with ExitStack() as stack:
        runs = []
        for way, ended_by in WAYS.items():
            (tmp_path / way).mkdir()
            command = [sys.executable, "-c", GUARDED, way]
            runs.append((stack.enter_context(running(tmp_path / way, command)), ended_by))
        found = [wait_for_all(run) for run, _ in runs]
        since = time.monotonic()
        for run, ended_by in runs:
            ended_by(run)
        gone(set().union(*found), since)
        assert not [run.started() for run, _ in runs if run.started()]


def wait_for_all(run: Run) -> set[Process]:
    deadline = time.monotonic() + START_SECONDS
    while len(found := run.started()) < OF_ONE:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found
