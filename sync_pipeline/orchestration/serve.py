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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg
import yaml

from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.files.private import PRIVATE_UMASK, secure_home
from sync_pipeline.orchestration.causes import ENDED_BY_UP
from sync_pipeline.orchestration.environment import without_secrets
from sync_pipeline.orchestration.guard import allowed_hosts
from sync_pipeline.orchestration.instance import dagster_environment, open_instance
from sync_pipeline.orchestration.launch import LOCATION, cancel
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs import UNFINISHED, close_session_of
from sync_pipeline.orchestration.troubles import require_storage
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.visible import VisibleFormatter
from sync_pipeline.workflows.weakened import weakened

_LOG = logging.getLogger("sync_pipeline")
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_STOP = 15.0
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
SECONDS_OF_A_GOOD_START = 60.0
WRONG_COMMAND, UNAVAILABLE = 2, 3


@dataclass(frozen=True, slots=True)
class Options:
    """Where the UI is, and whether it only shows."""

    host: str
    port: int
    read_only: bool


@dataclass(slots=True)
class Service:
    """A child process that is started again when it ends."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    wait_seconds: float = SHORTEST_WAIT
    started_at: float = 0.0
    restart_at: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only its keeper."""
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command,
            cwd=project_root(),
            env=self.environment,
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
                instance.report_run_canceled(run, ENDED_BY_UP)
            _LOG.warning("Cancelling run %s.", run.run_id)
            close_session_of(instance, cancel(instance, run.run_id, ENDED_BY_UP), deps)


def build_services(
    options: Options, settings: Settings, environment: Mapping[str, str], directory: Path
) -> Services:
    """Return the three services; `directory` takes the socket and the workspace.

    Of the three only the code server, and the runs that it starts, are given secrets.
    """
    address = directory / "code.sock"
    workspace = directory / "workspace.yaml"
    server = {"socket": str(address), "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    python = (sys.executable, "-m")
    quiet = ("--log-level", "warning")
    bare = without_secrets(environment, settings, project_root() / "dagster.yaml")
    return Services(
        code_server=Service(
            "code server",
            [
                *python, "dagster", "api", "grpc", "--socket", str(address),
                "--module-name", "sync_pipeline.definitions", "--location-name", LOCATION,
                *quiet,
            ],
            environment,
        ),
        webserver=Service(
            "webserver",
            [
                *python, "sync_pipeline.orchestration.webserver", "--host", options.host,
                "--port", str(options.port), "--workspace", str(workspace),
                *(["--read-only"] if options.read_only else []),
            ],
            bare,
        ),
        daemon=Service(
            "daemon",
            [*python, "dagster._daemon", "run", "--workspace", str(workspace), *quiet],
            bare,
        ),
        address=address,
    )  # fmt: skip


def require_free(host: str, port: int) -> None:
    """Make sure that the webserver will get its port.

    Raises:
        ConfigurationError: something listens there, or the address is not ours.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return
    except (OSError, OverflowError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "this is no address"
        raise ConfigurationError(
            f"The UI can't listen on {host}:{port}: {reason}.",
            hint="Choose another port with --port, or another address with --host.",
        ) from None


def warn_of(options: Options, settings: Settings) -> None:
    """Say who else can reach the UI, and which settings weaken something."""
    for sentence in weakened(settings):
        _LOG.warning("%s", sentence)
    if options.host not in ("127.0.0.1", "localhost", "::1") and not options.read_only:
        _LOG.warning(
            "The UI has no login: whoever reaches %s can start and end runs. Put it behind a "
            "proxy that asks who comes (docs/operations.md, The UI), or give --read-only.",
            options.host,
        )


def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: a setting is not valid, or the port is taken.
        StoreUnavailable: the files of Dagster's storage can't be written.
    """
    settings = Settings.load()
    secure_home(settings.home, thoroughly=True)
    options = replace(options, read_only=options.read_only or settings.ui_read_only)
    allowed_hosts(options.host, options.port, settings.ui_allowed_hosts)
    require_free(options.host, options.port)
    warn_of(options, settings)
    os.environ.update(dagster_environment())
    require_storage()
    with tempfile.TemporaryDirectory(prefix="sync_pipeline-") as directory:
        services = build_services(options, settings, dict(os.environ), Path(directory))
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: services.ended.set())
        _LOG.info(
            "The UI is at http://%s:%s in a moment; Ctrl-C ends it.", options.host, options.port
        )
        services.run()


def main() -> int:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(prog="serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--read-only", action="store_true")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler])
    _LOG.setLevel(logging.INFO)
    try:
        serve(Options(**vars(parser.parse_args())))
    except SyncError as error:
        _LOG.error("%s", error)
        return WRONG_COMMAND if isinstance(error, ConfigurationError) else UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
