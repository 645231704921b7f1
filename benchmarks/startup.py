"""How long it takes from a launch to the first contact with an instance, beside bare Dagster.

    python -m benchmarks.startup [--rounds 5]

Two ways to launch: a command that starts everything it needs (`sync-pipeline run` for one
instance, and `dagster job launch` for a job of one op), and a code server that runs already and
is asked by the webserver or the daemon. The instance is a port that notes when somebody
connects, and closes the connection; the bare op connects to it too. The rounds take turns, so
that whatever else the machine does falls on all. Of each number the least is shown; CPU is that
of all processes until the last one ends, memory that of all of them at the first contact, with
what they share counted once.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, TlsMode, TlsOptions
from sync_pipeline.orchestration.processes.launch import LOCATION, Launch, create_run
from sync_pipeline.orchestration.processes.system import Options, build_system
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from workbench.fleet.processes import cpu_seconds, descendants, resident_bytes

BARE = """
import os, socket
import dagster as dg

@dg.op
def connect():
    socket.create_connection(("127.0.0.1", int(os.environ["BENCH_PORT"]))).close()

@dg.job(executor_def=dg.in_process_executor)
def bare():
    connect()

defs = dg.Definitions(jobs=[bare])
"""
BARE_YAML = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
SET_CHILD_SUBREAPER = 36
SECONDS_TO_CONNECT = 60.0
IMPORT = "python -c 'import dagster'"
BARE_COMMAND, OUR_COMMAND = "dagster job launch, one op", "sync-pipeline run, one instance"
BARE_SERVER, OUR_SERVER = "code server of one op", "our code server"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one launch took; the seconds are those until the first contact."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int = 0

    def least(self, other: Spent) -> Spent:
        """Return the lesser of each number."""
        return Spent(
            min(self.seconds, other.seconds),
            min(self.cpu_seconds, other.cpu_seconds),
            min(self.peak_bytes, other.peak_bytes),
        )


@dataclass(slots=True)
class Port:
    """What is connected to: it notes when, and how much memory is used then."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    contacts: list[tuple[float, int]] = field(default_factory=list)
    is_met: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """Accept from now on."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def number(self) -> int:
        """Return the number of the port."""
        return int(self.listener.getsockname()[1])

    def first(self, launch: Callable[[], None]) -> tuple[float, int]:
        """Launch; return the seconds until the first contact, and the memory then."""
        self.is_met.clear()
        self.contacts.clear()
        began = time.monotonic()
        launch()
        if not self.is_met.wait(SECONDS_TO_CONNECT):
            raise TimeoutError(f"Nothing connected within {SECONDS_TO_CONNECT:g} s.")
        at, used = self.contacts[0]
        return at - began, used

    def _accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            at = time.monotonic()
            self.contacts.append((at, 0 if self.contacts else resident_bytes(os.getpid())))
            connection.close()
            self.is_met.set()


def measure_command(
    arguments: list[str], environment: dict[str, str], port: Port | None, log: Path
) -> Spent:
    """Run a command and all that it starts to the end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with log.open("ab") as output:

        def start() -> None:
            subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, "-m", *arguments] if port else [sys.executable, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

        seconds, used = port.first(start) if port else (0.0, 0)
        if not port:
            start()
        _reap_all()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(seconds or time.monotonic() - began, cpu, used)


def _reap_all() -> None:
    """Wait for the last descendant; orphans are ours too."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


@dataclass(slots=True)
class Server:
    """A code server that runs, and the way to launch a run in it."""

    process: subprocess.Popen[bytes]
    socket: Path
    dagster_home: Path
    launch: Launch

    def measure(self, port: Port) -> Spent:
        """Launch a run as the daemon does, and wait for its end."""
        workspace = self.socket.with_suffix(".yaml")
        server = {"socket": str(self.socket), "location_name": LOCATION}
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        target = WorkspaceFileTarget(paths=[str(workspace)])
        with (
            dg.DagsterInstance.from_config(str(self.dagster_home)) as instance,
            WorkspaceProcessContext(instance, target) as process,
        ):
            context = process.create_request_context()
            run = create_run(instance, context, self.launch)
            before = cpu_seconds(self.process.pid)
            others = set(descendants(self.process.pid))
            seconds, used = port.first(lambda: self._start(instance, run.run_id, context))
            while self._is_at_work(instance, run.run_id, others):
                time.sleep(0.1)
            return Spent(seconds, cpu_seconds(self.process.pid) - before, used)

    @staticmethod
    def _start(instance: dg.DagsterInstance, run_id: str, context: WorkspaceRequestContext) -> None:
        instance.launch_run(run_id, context)

    def _is_at_work(self, instance: dg.DagsterInstance, run_id: str, others: set[int]) -> bool:
        """Return whether the run, or a process of it, has not ended; Python's trackers stay."""
        run = instance.get_run_by_id(run_id)
        left = set(descendants(self.process.pid)) - others - set(_trackers(self.process.pid))
        return run is None or not run.is_finished or bool(left)


def _trackers(pid: int) -> Iterator[int]:
    for found in descendants(pid):
        with suppress(OSError):
            if b"resource_tracker" in Path(f"/proc/{found}/cmdline").read_bytes():
                yield found


@contextmanager
def server(
    command: list[str], environment: dict[str, str], socket_path: Path, home: Path, launch: Launch
) -> Iterator[Server]:
    """Start a code server, and end it."""
    with (socket_path.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, env=environment, cwd=project_root(), stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + SECONDS_TO_CONNECT
        while not socket_path.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield Server(process, socket_path, home, launch)
    finally:
        process.kill()  # no run is left, and Dagster's own does not always end when it is asked
        process.wait()


def fill(home: Path, port: Port) -> None:
    """Register the instance whose server is the port."""
    settings = Settings(home=home)
    store = Store.open(settings.effective_store_url)
    now = datetime.now(UTC)
    SecretVault.open(settings)
    os.environ["BENCH_PASSWORD"] = "nothing"  # noqa: S105
    store.registry.put_credential(StoredCredential("c", "u", "env:BENCH_PASSWORD"), now)
    tls = TlsOptions(TlsMode.DISABLE)
    instance = Instance(0, "db", EngineName.MYSQL, "127.0.0.1", port.number, "c", tls=tls)
    store.registry.put_instances([instance], now)
    store.close()


def our_server(directory: Path) -> list[str]:
    """Return the command of the code server that `sync-pipeline up` starts."""
    options = Options("127.0.0.1", 0, read_only=False)
    system = build_system(options, Settings.load(), dict(os.environ), directory)
    return list(system.code_server.command)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    port = Port()
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        for item in measured(Path(name), port, rounds):
            print(item)  # noqa: T201


def measured(directory: Path, port: Port, rounds: int) -> Iterator[str]:
    """Measure, and yield the lines of the table."""
    home, bare_home, sockets = directory / "home", directory / "bare", directory / "sockets"
    for item in (home, bare_home, sockets):
        item.mkdir(mode=0o700)
    os.environ.update(SYNC_PIPELINE_HOME=str(home), SYNC_PIPELINE_RETRY_BASE_SECONDS="0.1")
    os.environ.update(BENCH_PORT=str(port.number), DAGSTER_DISABLE_TELEMETRY="1")
    fill(home, port)
    program = bare_home / "bare.py"
    program.write_text(BARE)
    (bare_home / "dagster.yaml").write_text(BARE_YAML)
    ours = {**os.environ, "DAGSTER_HOME": str(project_root())}
    bare = {**os.environ, "DAGSTER_HOME": str(bare_home)}
    run = ["sync_pipeline.cli.main", "run", "account-sync"]
    launch = ["dagster", "job", "launch", "-f", str(program), "-j", "bare"]
    found: dict[str, Spent] = {}

    def keep(name: str, spent: Spent) -> None:
        found[name] = found.get(name, spent).least(spent)

    port.open()
    for _ in range(rounds):
        log = directory / "log"
        keep(IMPORT, measure_command(["-c", "import dagster"], bare, None, log))
        keep(BARE_COMMAND, measure_command(launch, bare, port, log))
        keep(OUR_COMMAND, measure_command(run, ours, port, log))
    python = [sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(sockets / "b.sock")]
    command = [*python, "--python-file", str(program), "--location-name", "sync_pipeline"]
    with server(command, bare, sockets / "b.sock", bare_home, Launch("bare", {})) as one:
        for _ in range(rounds):
            keep(BARE_SERVER, one.measure(port))
    path = sockets / "code.sock"
    config = {"ops": {"select_instances": {"config": {"instances": ["db"]}}}}
    ours_launched = Launch("account_sync", config)
    with server(our_server(sockets), ours, path, project_root(), ours_launched) as other:
        for _ in range(rounds):
            keep(OUR_SERVER, other.measure(port))
    yield f"{'':34} {'seconds':>8} {'CPU':>6} {'MB':>5} {'ratios: seconds':>16} {'CPU':>6}"
    bases = {OUR_COMMAND: BARE_COMMAND, OUR_SERVER: BARE_SERVER}
    for name, spent in found.items():
        base = found[bases.get(name, name)]
        yield (
            f"{name:34} {spent.seconds:8.2f} {spent.cpu_seconds:6.2f} {spent.peak_bytes / 1e6:5.0f}"
            f" {spent.seconds / base.seconds:16.2f} {spent.cpu_seconds / base.cpu_seconds:6.2f}"
        )


if __name__ == "__main__":
    main()
