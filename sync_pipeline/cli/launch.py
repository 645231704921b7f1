"""Launching a job as a process of its own, and seeing it through on the terminal."""

from __future__ import annotations

import getpass
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import typer

from sync_pipeline.errors import StoreUnavailable, SyncError
from sync_pipeline.model.session import Session
from sync_pipeline.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.store.store import Store

CANCELLED = 130
SECONDS_TO_LAUNCH = 180.0
SECONDS_BETWEEN_LOOKS = 0.5
LINES_OF_LOG = 15


def user() -> str:
    """Return who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return "unknown"


@dataclass
class Launcher:
    """The process that launches the run, and what it has said so far."""

    process: subprocess.Popen[str]
    log: IO[str]
    lines: queue.Queue[dict[str, Any] | None] = field(default_factory=queue.Queue)
    said: dict[str, Any] = field(default_factory=dict)

    def listen(self) -> None:
        """Read the launcher's lines until it ends; a thread does this."""
        if self.process.stdout is not None:
            with self.process.stdout as said:
                for line in said:
                    self.lines.put(json.loads(line))
        self.lines.put(None)

    def session_id(self, interrupted: threading.Event) -> str | None:
        """Wait for the run to be created and return its session; None when interrupted.

        Raises:
            SyncError: the run could not be launched.
        """
        deadline = time.monotonic() + SECONDS_TO_LAUNCH
        while "session_id" not in self.said:
            if interrupted.is_set():
                return None
            if time.monotonic() > deadline:
                raise self.failure(f"No run was created in {SECONDS_TO_LAUNCH:g} s.")
            with suppress(queue.Empty):
                self._hear(self.lines.get(timeout=SECONDS_BETWEEN_LOOKS))
        return str(self.said["session_id"])

    def _hear(self, line: dict[str, Any] | None) -> None:
        if line is None:
            raise self.failure("The run could not be launched.")
        self.said.update(line)

    def end(self) -> None:
        """Ask the launcher to cancel the run, wait for that, and hear it out."""
        self.process.send_signal(signal.SIGINT)
        self.hear_out()

    def hear_out(self) -> None:
        """Wait for the end of the launcher, and for all that it says; once."""
        self.process.wait()
        while (line := self.lines.get()) is not None:
            self.said.update(line)

    def failure(self, message: str) -> SyncError:
        """Return an error with what the launcher left to say."""
        if "error" in self.said:
            first, *more = str(self.said["error"]).split("\n")
            return SyncError(first, details=more)
        self.log.seek(0)
        tail = [line.rstrip("\n") for line in self.log.readlines()[-LINES_OF_LOG:]]
        return SyncError(message, details=tail)


@contextmanager
def _launched(job: str, config: dict[str, Any]) -> Iterator[Launcher]:
    """Start the launcher in a session of its own: it hears of Ctrl-C from us alone.

    Its code server, which does what it is told, listens at a socket among the temporary
    files: they are in a directory that no other user may enter.
    """
    from sync_pipeline.files.private import PRIVATE_UMASK

    command = [
        sys.executable,
        "-m",
        "sync_pipeline.orchestration.processes.launch",
        job,
        "--config",
        "-",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="sync_pipeline-") as directory,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        tempfile.TemporaryFile("w+", encoding="utf-8") as told,
    ):
        # Not as an argument: it may be longer than one can be, and every user can read those.
        json.dump(config, told)
        told.seek(0)
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=told,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": directory},
            umask=PRIVATE_UMASK,
        )
        launcher = Launcher(process, log)
        threading.Thread(target=launcher.listen, daemon=True).start()
        try:
            yield launcher
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            if process.wait() != 0:
                # A code server that could not tell the end of a run waits for it for ever.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set, instead of an exception at any point of the code."""
    interrupted = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: interrupted.set()) for number in signals]
    try:
        yield interrupted
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def run_job(store: Store, console: Console, job: str, config: dict[str, Any]) -> Session:
    """Launch, show progress, and return the session as it ended.

    Raises:
        SyncError: the run could not be launched, or ended before it opened a session.
    """
    from rich.text import Text

    with _interruption() as interrupted, _launched(job, config) as launcher:
        with console.status("Launching the run"):
            session_id = launcher.session_id(interrupted)
        if session_id is not None:
            console.print(Text(f"Run {visible(session_id)}"))
            _follow(store, console, launcher, session_id, interrupted)
        if interrupted.is_set():
            console.print("Cancelling the run")
            launcher.end()
        else:
            launcher.hear_out()
        session = _session_of(store, launcher)
        if session is not None and (session.status.is_terminal or "error" not in launcher.said):
            return session
        if interrupted.is_set():
            raise typer.Exit(CANCELLED)
        raise launcher.failure("The run ended before it opened a session.")


def _session_of(store: Store, launcher: Launcher) -> Session | None:
    session_id = launcher.said.get("session_id")
    return store.sessions.get(str(session_id)) if session_id else None


def _follow(
    store: Store,
    console: Console,
    launcher: Launcher,
    session_id: str,
    interrupted: threading.Event,
) -> None:
    """Show how many instances are done until the launcher ends, or somebody interrupts."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=console.quiet) as progress:
        task = progress.add_task("Starting", total=None)
        while launcher.process.poll() is None and not interrupted.wait(SECONDS_BETWEEN_LOOKS):
            try:
                session = store.sessions.get(session_id)
            except StoreUnavailable:
                continue  # the run waits for the store too
            if session is not None:
                done = session.successful + session.failed + session.skipped + session.cancelled
                progress.update(task, description="Instances", total=session.total, completed=done)
