"""Two machines on one store: a home and an `up` each, and ways to end one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sync_pipeline.settings import project_root
from workbench.running.configuration import variant
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer, free_port

EVERY_MINUTE, NEVER = "* * * * *", "0 0 1 1 *"
SECONDS_TO_END = 60


@dataclass
class Up:
    """One `up` on a machine of its own."""

    home: Path
    environment: Mapping[str, str]
    root: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its log is in its home."""
        command = [sys.executable, "-m", "sync_pipeline.orchestration.processes.serve"]
        with (self.home / "up.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, "--port", str(free_port())],
                cwd=self.root,
                env=dict(self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return its process; 0 where it was not started."""
        return self.process.pid if self.process else 0

    def daemon(self) -> list[int]:
        """Return the daemon's process, where it has one."""
        return [pid for pid in children(self.pid) if "dagster._daemon" in arguments(pid)]

    def end(self, way: str) -> list[int]:
        """End it in one of the ways; return the processes to wake up later."""
        if way == "freeze":
            frozen = [self.pid, *self.daemon()]
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            return frozen
        if way == "stop":
            os.kill(self.pid, signal.SIGINT)
            return []
        doomed = [self.pid, *(descendants(self.pid) if way == "power" else [])]
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return []

    def close(self) -> None:
        """End it and all of its processes."""
        if self.process is None:
            return
        for pid in (self.pid, *descendants(self.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.end("power")
            self.process.wait()


def children(pid: int) -> list[int]:
    """Return the processes that a process began."""
    try:
        return [int(item) for item in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """Return these, and those that they began."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def arguments(pid: int) -> list[str]:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def project_copy(directory: Path, port: int) -> Path:
    """Return a checkout whose dagster.yaml has the section of PostgreSQL in force."""
    root = directory / "checkout"
    root.mkdir()
    shutil.copytree(project_root() / "sync_pipeline", root / "sync_pipeline")
    shutil.copy(project_root() / "workspace.yaml", root)
    (root / "dagster.yaml").write_text(variant(port))
    return root


@contextmanager
def two_machines(
    directory: Path, server: RunningServer, storage: str, lease: int
) -> Iterator[tuple[str, list[Up], list[tuple[Path, Mapping[str, str]]]]]:
    """Make two homes on one store; yield its URL, the two, and where Dagster's state is."""
    with ExitStack() as stack:
        url = stack.enter_context(store_database(server))
        settings = {
            "store_url": url, "daemon_lease_seconds": lease, "account_sync_cron": EVERY_MINUTE,
            "capacity_sync_cron": EVERY_MINUTE, "aggregation_cron": NEVER,
            "retention_cron": NEVER, "retry_limit": 0, "stale_after_seconds": 30,
        }  # fmt: skip
        root, more = project_root(), {}
        if storage == "shared":
            root = project_copy(directory, server.port)
            dagster_url = stack.enter_context(store_database(server))
            more = {
                "DAGSTER_POSTGRES_HOST": server.host,
                "DAGSTER_POSTGRES_USER": server.admin_user,
                "DAGSTER_POSTGRES_PASSWORD": server.admin_password,
                "DAGSTER_POSTGRES_DB": dagster_url.rpartition("/")[2],
            }
        ups, configurations = [], []
        for name in ("one", "two"):
            home = directory / name
            home.mkdir(mode=0o700)
            environment = {**environment_of(home, **settings), **more, "PYTHONPATH": str(root)}
            ups.append(Up(home, environment, root))
            configurations.append((root, {"SYNC_PIPELINE_HOME": str(home), **more}))
        key = directory / "one" / "secret.key"
        with in_environment(dict(ups[0].environment)):
            fleet = Fleet(ups[0].home, url)
            fleet.add("pg", server)
            fleet.store.close()
        shutil.copy(key, directory / "two" / "secret.key")
        yield url, ups, configurations[: 1 if storage == "shared" else 2]
