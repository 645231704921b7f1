"""What a system costs that has nothing to do, beside an empty project of Dagster.

    python -m benchmarks.idle [--seconds 120] [--rounds 1] [--instances 0 1000] [--processes]

The baseline is a project with one schedule and one sensor that have nothing to do, on
Dagster's own defaults; it and each of ours are a webserver, a daemon and a code server, in
an environment of their own. All of them run side by side, so that whatever else the machine
does falls on all, and all are measured over the same seconds: the CPU of the trees of
processes, with those that they have started and waited for, and their memory at the end.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from workbench.fleet.processes import cpu_seconds, descendants, resident_bytes

EMPTY = """
import dagster as dg

@dg.op
def nothing():
    pass

@dg.job
def empty():
    nothing()

@dg.schedule(job=empty, cron_schedule="0 0 1 1 *",
             default_status=dg.DefaultScheduleStatus.RUNNING)
def yearly(context):
    return dg.SkipReason("nothing to do")

@dg.sensor(job=empty, default_status=dg.DefaultSensorStatus.RUNNING)
def idle(context):
    return dg.SkipReason("nothing to do")

defs = dg.Definitions(jobs=[empty], schedules=[yearly], sensors=[idle])
"""
SERVE_EMPTY = """
import dagster, signal, subprocess, sys
home, port = sys.argv[1:]
dagster.DagsterInstance.get().dispose()  # two processes that make its files at once collide
dagster = [sys.executable, "-m"]
commands = [
    [*dagster, "dagster", "api", "grpc", "--socket", f"{home}/code.sock", "--python-file",
     f"{home}/empty.py", "--location-name", "empty", "--log-level", "warning"],
    [*dagster, "dagster_webserver", "-p", port, "-w", f"{home}/workspace.yaml",
     "--log-level", "warning"],
    [*dagster, "dagster._daemon", "run", "-w", f"{home}/workspace.yaml",
     "--log-level", "warning"],
]
children = [subprocess.Popen(command, start_new_session=True) for command in commands]
signal.signal(signal.SIGTERM, lambda *_: [child.kill() for child in children])
for child in children:
    child.wait()
"""
WORKSPACE = "load_from: [{{grpc_server: {{socket: {home}/code.sock, location_name: empty}}}}]\n"
NEVER = "0 0 1 1 *"
SCHEDULES = ("ACCOUNT_SYNC", "CAPACITY_SYNC", "AGGREGATION", "RETENTION")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CREDENTIAL = StoredCredential("monitor", "watcher", "env:WATCHER")
SECONDS_TO_START = 120.0
# Until what is done once after a start (first ticks, migrations, caches) has been done.
SECONDS_TO_SETTLE = 60.0


@dataclass(slots=True)
class Idle:
    """A system that has nothing to do, and what each round measured of it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    before: dict[int, float] = field(default_factory=dict)
    cpu_a_minute: list[float] = field(default_factory=list)
    memory_bytes: int = 0

    def read(self) -> dict[int, float]:
        """Return the CPU seconds of the process, by each of those that it started."""
        return {
            pid: cpu_seconds(pid)
            for pid in descendants(self.process.pid)
            if parent_of(pid) == self.process.pid
        } | {self.process.pid: cpu_seconds(self.process.pid)}


def parent_of(pid: int) -> int:
    """Return the process that started another; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def plain_environment() -> dict[str, str]:
    """Return the environment without what is ours or Dagster's."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("SYNC_PIPELINE_", "DAGSTER_"))
    } | {"PYTHONPATH": str(project_root())}


def register(home: Path, count: int) -> None:
    """Register instances that nothing ever connects to."""
    settings = Settings(home=home, store_url="")
    store = Store.open(settings.effective_store_url)
    store.registry.put_credential(CREDENTIAL, NOW)
    names = [f"db{number:06}" for number in range(count)]
    store.registry.put_instances(
        [
            Instance(0, name, EngineName.POSTGRESQL, f"{name}.example", 5432, CREDENTIAL.name)
            for name in names
        ],
        NOW,
    )
    store.close()


@contextmanager
def started(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, log: TextIO
) -> Iterator[Idle]:
    """Start a system, wait until its UI answers, and end it at last."""
    process = subprocess.Popen(  # noqa: S603 - our own programs
        command, cwd=project_root(), env=dict(environment), stdout=log, stderr=log
    )
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(f"{name} did not start: see {log.name}")
            time.sleep(0.5)
        yield Idle(name, process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def answers(port: int) -> bool:
    """Return whether a UI answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def empty_project(directory: Path) -> Iterator[Idle]:
    """Start the baseline."""
    home = directory / "empty"
    home.mkdir()
    (home / "empty.py").write_text(EMPTY)
    (home / "workspace.yaml").write_text(WORKSPACE.format(home=home))
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (home / "serve.py").write_text(SERVE_EMPTY)
    port = free_port()
    command = [sys.executable, str(home / "serve.py"), str(home), str(port)]
    environment = plain_environment() | {"DAGSTER_HOME": str(home)}
    with (
        (directory / "empty.log").open("w") as log,
        started("an empty project", command, environment, port, log) as system,
    ):
        yield system


@contextmanager
def our_system(directory: Path, count: int) -> Iterator[Idle]:
    """Start ours with so many instances, none of which is ever due."""
    home = directory / f"ours-{count}"
    home.mkdir(mode=0o700)
    register(home, count)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "sync_pipeline.orchestration.processes.serve",
        "--port",
        str(port),
    ]
    crons = {f"SYNC_PIPELINE_{name}_CRON": NEVER for name in SCHEDULES}
    environment = plain_environment() | crons | {"SYNC_PIPELINE_HOME": str(home)}
    with (
        (directory / f"ours-{count}.log").open("w") as log,
        started(f"ours, {count} instances", command, environment, port, log) as system,
    ):
        yield system


def service_of(pid: int) -> str:
    """Return which of the services a process is, from its command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    kinds = {"grpc": "code server", "webserver": "webserver", "_daemon": "daemon"}
    return next((kind for word, kind in kinds.items() if word in words), "keeper")


def measure(systems: Sequence[Idle], seconds: float) -> None:
    """Measure all systems over the same seconds."""
    for system in systems:
        system.before = system.read()
    began = time.monotonic()
    time.sleep(seconds)
    minutes = (time.monotonic() - began) / 60
    for system in systems:
        used = system.read()[system.process.pid] - system.before[system.process.pid]
        system.cpu_a_minute.append(used / minutes)
        system.memory_bytes = resident_bytes(system.process.pid)


def by_service(system: Idle) -> str:
    """Return the CPU of each service since the beginning of the last round."""
    now = system.read()
    children = {pid: seconds for pid, seconds in now.items() if pid != system.process.pid}
    return ", ".join(
        f"{service_of(pid)} {seconds - system.before.get(pid, 0):.2f} s"
        for pid, seconds in children.items()
    )


def report(systems: Sequence[Idle], *, with_processes: bool) -> Iterator[str]:
    """Yield the lines of the report; the first system is the baseline."""
    baseline, *others = systems
    for system in systems:
        ratios = [
            ours / empty
            for ours, empty in zip(system.cpu_a_minute, baseline.cpu_a_minute, strict=True)
        ]
        rounds = ", ".join(f"{seconds:.2f}" for seconds in system.cpu_a_minute)
        ratio = f", {statistics.median(ratios):.2f} times the baseline" if system in others else ""
        yield (
            f"{system.name}: {statistics.median(system.cpu_a_minute):.2f} s of CPU a minute "
            f"({rounds}){ratio}; {system.memory_bytes / 2**20:.0f} MiB"
        )
        if with_processes:
            yield f"    the last round: {by_service(system)}"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each round")
    parser.add_argument("--settle", type=float, default=SECONDS_TO_SETTLE)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--instances", type=int, nargs="*", default=[0, 1000])
    parser.add_argument("--processes", action="store_true", help="the CPU of each process too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        systems = [stack.enter_context(empty_project(Path(directory)))]
        systems += [
            stack.enter_context(our_system(Path(directory), count)) for count in options.instances
        ]
        time.sleep(options.settle)
        load = os.getloadavg()[0]
        for _ in range(options.rounds):
            measure(systems, options.seconds)
        for line in report(systems, with_processes=options.processes):
            print(line)  # noqa: T201 - the report of a command
        print(f"load of the machine: {load:.2f} before, {os.getloadavg()[0]:.2f} after")  # noqa: T201


if __name__ == "__main__":
    main()
