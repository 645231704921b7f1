"""Keep the code server, the webserver and the daemon running, in the foreground.

One code server serves both others. It is a child of this process rather than of the
daemon, because a daemon never replaces a code server that was killed; this does, and
the others find the new one at the same socket.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import yaml

from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.files.private import PRIVATE_UMASK, secure_home
from sync_pipeline.orchestration.instance import dagster_environment, open_instance
from sync_pipeline.orchestration.launch import LOCATION, cancel
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs import UNFINISHED, close_session_of
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.visible import VisibleFormatter

_LOG = logging.getLogger("sync_pipeline")
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_STOP = 15.0
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
SECONDS_OF_A_GOOD_START = 60.0


@dataclass(slots=True)
class Service:
    """A child process that is started again when it ends."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    wait_seconds: float = SHORTEST_WAIT
    started_at: float = 0.0
    restart_at: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only its keeper."""
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command,
            cwd=project_root(),
            env=dagster_environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=PRIVATE_UMASK,
        )
        self.started_at = time.monotonic()

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
        self.process, self.restart_at = None, now + self.wait_seconds
        self.wait_seconds = min(self.wait_seconds * 2, LONGEST_WAIT)

    def stop(self) -> None:
        """Ask it to end, and end it by force when it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Services:
    """The three processes, and when to end."""

    code_server: Service
    webserver: Service
    daemon: Service
    address: Path
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start all three and keep them until `ended` is set."""
        every = (self.code_server, self.webserver, self.daemon)
        try:
            self.code_server.start()
            self._wait_for_socket()
            while not self.ended.wait(SECONDS_BETWEEN_LOOKS):
                for service in every:
                    service.keep()
        finally:
            self.daemon.stop()
            try:
                cancel_runs()
            finally:
                self.webserver.stop()
                self.code_server.stop()

    def _wait_for_socket(self) -> None:
        """Give the code server a head start: the others complain loudly where it is late."""
        deadline = time.monotonic() + SECONDS_OF_A_GOOD_START
        while not self.address.exists() and time.monotonic() < deadline:
            if self.ended.wait(0.1):
                return


def cancel_runs() -> None:
    """Cancel every run that this system started, and close the sessions."""
    with open_instance() as instance, open_dependencies() as deps:
        filters = dg.RunsFilter(statuses=[*UNFINISHED])
        for run in instance.get_runs(filters):
            if run.status is dg.DagsterRunStatus.QUEUED:
                instance.report_run_canceled(run, "Cancelled: sync_pipeline was stopped.")
            _LOG.warning("Cancelling run %s.", run.run_id)
            close_session_of(instance, cancel(instance, run.run_id), deps)


def build_services(host: str, port: int, directory: Path) -> Services:
    """Return the three services; `directory` takes the socket and the workspace."""
    address = directory / "code.sock"
    workspace = directory / "workspace.yaml"
    server = {"socket": str(address), "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    python = (sys.executable, "-m")
    quiet = ("--log-level", "warning")
    return Services(
        code_server=Service(
            "code server",
            [
                *python, "dagster", "api", "grpc", "--socket", str(address),
                "--module-name", "sync_pipeline.definitions", "--location-name", LOCATION,
                *quiet,
            ],
        ),
        webserver=Service(
            "webserver",
            [
                *python, "dagster_webserver", "--host", host, "--port", str(port),
                "--workspace", str(workspace), "--dagster-log-level", "warning",
            ],
        ),
        daemon=Service(
            "daemon",
            [*python, "dagster._daemon", "run", "--workspace", str(workspace), *quiet],
        ),
        address=address,
    )  # fmt: skip


def require_free(host: str, port: int) -> None:
    """Make sure that the webserver will get its port.

    Raises:
        ConfigurationError: something listens there, or the address is not ours.
    """
    try:
        with socket.create_server((host, port)):
            return
    except OSError as error:
        raise ConfigurationError(
            f"The UI can't listen on {host}:{port}: {error.strerror}.",
            hint="Choose another port with --port.",
        ) from None


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    options = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler])
    _LOG.setLevel(logging.INFO)
    try:
        secure_home(Settings.load().home, thoroughly=True)
        require_free(options.host, options.port)
        os.environ.update(dagster_environment())
        with tempfile.TemporaryDirectory(prefix="sync_pipeline-") as directory:
            services = build_services(options.host, options.port, Path(directory))
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signal_number, lambda *_: services.ended.set())
            _LOG.info(
                "The UI is at http://%s:%s in a moment; Ctrl-C ends it.", options.host, options.port
            )
            services.run()
    except SyncError as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
