"""The processes of `sync-pipeline up`, and the lease on having the daemon."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from dagster import DagsterInstance

from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes import code_server, daemon
from sync_pipeline.orchestration.processes.environment import without_secrets
from sync_pipeline.orchestration.processes.handover import end_runs, hand_over_again
from sync_pipeline.orchestration.processes.leadership import Keeper
from sync_pipeline.orchestration.processes.services import Service
from sync_pipeline.orchestration.processes.signs import (
    CodeServerProbe,
    DaemonProbe,
    Doctor,
    WebserverProbe,
)
from sync_pipeline.settings import Settings, project_root

_LOG = logging.getLogger("sync_pipeline")
STORE_URL = "SYNC_PIPELINE_STORE_URL"
SECONDS_BETWEEN_LOOKS = 1.0
ORPHAN_SECONDS = 120
"""After which a code server ends that hears nothing of its keeper, once its runs have ended."""


@dataclass(frozen=True, slots=True)
class Options:
    """Where the UI is, whether it only shows, and where the console is; None: there is none."""

    host: str
    port: int
    read_only: bool
    console_port: int | None = None


@dataclass(slots=True)
class System:
    """The processes, the lease, and when to end."""

    code_server: Service
    webserver: Service
    daemon: Service
    address: Path
    settings: Settings
    console: Service | None = None
    keeper: Keeper = field(init=False)
    ended: threading.Event = field(default_factory=threading.Event)
    _beside: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.settings, self._allow)

    def run(self, options: Options) -> None:
        """Start what is to run here and keep it until `ended` is set.

        Raises:
            ConfigurationError: the store can never be opened.
        """
        was_at_work = False
        with ExitStack() as stack:
            # Opened when it is first used: the UI is tried without Dagster's storage too.
            instance = cache(lambda: stack.enter_context(open_instance()))
            try:
                self.keeper.start()
                self.daemon.prepare = lambda: self._prepare_daemon(instance)
                doctors = self._doctors(options, instance)
                self.code_server.start()
                while not self.ended.is_set():
                    self._look(doctors)
                    self.ended.wait(SECONDS_BETWEEN_LOOKS)
                was_at_work = self.keeper.is_at_work()
            finally:
                self._end(is_in_charge=was_at_work)

    def _look(self, doctors: Sequence[Doctor]) -> None:
        """Do once a second what there is to do."""
        self.keeper.announce()
        self.code_server.keep()
        self.webserver.keep()
        if self.console is not None:
            self.console.keep()
        if self.keeper.is_at_work():
            starts = self.daemon.starts
            self.daemon.keep()
            if self.daemon.starts != starts:
                self.keeper.allow_now()
        elif self.daemon.process is not None:
            self.daemon.kill()
        for doctor in doctors:
            if doctor.judge() and doctor.service.is_running:
                self._replace(doctor.service)

    def _replace(self, service: Service) -> None:
        self.keeper.note(lambda store: store.daemon_lease.count_replaced(service.name))
        service.replace()
        self.keeper.allow_now()

    def _end(self, *, is_in_charge: bool) -> None:
        self.daemon.stop()
        self.keeper.release()
        try:
            end_runs(
                self.address, is_in_charge=is_in_charge, has_successor=self.keeper.has_successor
            )
        finally:
            if self.console is not None:
                self.console.stop()
            self.webserver.stop()
            self.code_server.stop()
            self.keeper.close()

    def _allow(self, until: float) -> None:
        """Tell the daemon until when it may work; called by the lease's thread."""
        line = self.daemon.line
        if line is not None:
            line.allow(until)

    def _prepare_daemon(self, instance: Callable[[], DagsterInstance]) -> Sequence[str]:
        """Take care of what the daemon before left behind; return what this one is told."""
        try:
            hand_over_again(instance())
        except Exception as error:  # noqa: BLE001 - Dagster's storages have errors of their own
            _LOG.warning("What waits to be started was not looked through: %s", error)
        since = self.keeper.ticks_since
        return [] if since is None else ["--since", str(since.timestamp())]

    def _doctors(self, options: Options, instance: Callable[[], DagsterInstance]) -> list[Doctor]:
        seconds = self.settings.silence_seconds
        code_server = Doctor(self.code_server, CodeServerProbe(str(self.address)), seconds)
        probe = DaemonProbe(
            instance, self.daemon, lambda: code_server.is_silent, self._tell_of_another
        )
        webserver = WebserverProbe(options.host, options.port)
        doctors = [
            code_server,
            Doctor(self.webserver, webserver, seconds),
            Doctor(self.daemon, probe, seconds),
        ]
        if self.console is not None and options.console_port is not None:
            looked_at = WebserverProbe(options.host, options.console_port)
            doctors.append(Doctor(self.console, looked_at, seconds))
        for doctor in doctors:
            doctor.watch(self.ended)
        return doctors

    def _tell_of_another(self, daemon_id: str) -> None:
        """Say that a daemon is at work that has no lease, and keep that for the metrics."""
        self.keeper.note(lambda store: store.daemon_lease.note_beside())
        if daemon_id not in self._beside:
            self._beside.add(daemon_id)
            _LOG.warning(
                "Another Dagster daemon is at work on the same storage, without the lease of "
                "this one (its id is %s). Somebody started `dagster-daemon run` or `dagster dev`, "
                "or runs an older version: end it, or runs are started twice.",
                daemon_id,
            )


def build_system(
    options: Options, settings: Settings, environment: Mapping[str, str], directory: Path
) -> System:
    """Return the system; `directory` takes the socket and the workspace.

    Of the processes only the code server, and the runs that it starts, get secrets.
    """
    address = directory / "code.sock"
    workspace = directory / "workspace.yaml"
    server = {"socket": str(address), "location_name": code_server.LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    python = (sys.executable, "-m")
    bare = without_secrets(environment, settings, project_root() / "dagster.yaml")
    return System(
        code_server=Service(
            "code server",
            code_server.command(address, ORPHAN_SECONDS),
            environment,
        ),
        webserver=Service(
            "webserver",
            [
                *python, "sync_pipeline.orchestration.processes.webserver", "--host", options.host,
                "--port", str(options.port), "--workspace", str(workspace),
                "--code-server", str(address),
                *(["--read-only"] if options.read_only else []),
            ],
            bare,
            has_line=True,
        ),
        daemon=Service(
            "daemon",
            [
                *python, "sync_pipeline.orchestration.processes.daemon", daemon.PROGRAM,
                "--workspace", str(workspace), "--code-server", str(address),
            ],
            bare,
            has_line=True,
        ),
        address=address,
        settings=settings,
        console=_console(options, {**bare, **_store_of(environment)}),
    )  # fmt: skip


def _store_of(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.upper() == STORE_URL}


def _console(options: Options, environment: Mapping[str, str]) -> Service | None:
    """Return the console. It opens the store, and so it is told where that is; no other secret."""
    if options.console_port is None:
        return None
    module = "sync_pipeline.orchestration.processes.console"
    return Service(
        "console",
        [
            *(sys.executable, "-m", module),
            *("--host", options.host, "--port", str(options.console_port)),
        ],
        environment,
        has_line=True,
    )
