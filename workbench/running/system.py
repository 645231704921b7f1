"""A whole running system for tests: code server, webserver and daemon, as `up` starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from dagster import DagsterEvent, DagsterInstance
from psycopg import sql

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import InstanceRecord, RecordStatus, Session
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from workbench.running.forked import ROOM
from workbench.servers.running import RunningServer, free_port

T = TypeVar("T")

START_SECONDS = 90.0
MOST_SHOWN = 4000
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
EXECUTE_AGAIN = """
mutation ($run: String!, $strategy: ReexecutionStrategy!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: $strategy}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
EXECUTE_STEPS = """
mutation ($params: ExecutionParams!) {
  launchRunReexecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on InvalidStepError { invalidStepKey }
  }
}
"""
RUN = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run {
    jobName runConfig rootRunId tags { key value } } } }
"""
TERMINATE = """
mutation ($run: String!) {
  terminateRun(runId: $run) { __typename ... on TerminateRunFailure { message } }
}
"""
STATUS = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }
"""
LOADED = """
{ workspaceOrError { ... on Workspace { locationEntries {
    locationOrLoadError { __typename } } } } }
"""


def wait_for(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """Poll until `look` returns something; a deadline that passes fails the test."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"{what} did not happen within {seconds:g} seconds")


def selector(job: str) -> dict[str, str]:
    """Return how the UI names a job."""
    return {
        "repositoryLocationName": "sync_pipeline",
        "repositoryName": "__repository__",
        "jobName": job,
    }


def launched(answer: dict[str, Any]) -> str:
    """Return the run of an answer."""
    assert answer["__typename"] == "LaunchRunSuccess", answer
    run_id: str = answer["run"]["runId"]
    return run_id


def logged_pids(
    instance: DagsterInstance, run_id: str, is_it: Callable[[DagsterEvent], bool]
) -> list[int]:
    """Wait until the log of a run has such events, and return the processes that they name."""

    def look() -> list[int]:
        events = (entry.dagster_event for entry in instance.all_logs(run_id))
        return [event.pid for event in events if event and event.pid and is_it(event)]

    return wait_for(look, 60, f"an event in the log of run {run_id}")


def worker_of(instance: DagsterInstance, run_id: str) -> int:
    """Return the process of a run, once its log tells it."""
    return logged_pids(instance, run_id, lambda event: event.event_type_value == "PIPELINE_START")[
        0
    ]


@dataclass
class Fleet:
    """The registry of one home directory, and the sessions found there."""

    home: Path
    store_url: str = ""
    store: Store = field(init=False)
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home, store_url=self.store_url)
        self.store = Store.open(self.settings.effective_store_url)
        self.vault = SecretVault.open(self.settings)

    def add(
        self,
        name: str,
        server: RunningServer,
        *,
        password: str | None = None,
        host: str = "",
        port: int = 0,
    ) -> Instance:
        """Register a server, with another password, host or port where the test wants one."""
        now = datetime.now(UTC)
        secret = Secret(server.admin_password if password is None else password)
        credential = StoredCredential(name, server.admin_user, self.vault.seal(secret))
        self.store.registry.put_credential(credential, now)
        instance = Instance(
            id=0,
            name=name,
            engine=server.engine,
            host=host or server.host,
            port=port or server.port,
            credential=name,
            tls=TlsOptions(TlsMode.DISABLE),
            database=server.database or None,
            timeouts=Timeouts(connect_seconds=5, statement_seconds=240, total_seconds=250),
        )
        self.store.registry.put_instances([instance], now)
        added = self.store.registry.instance(name)
        assert added is not None
        return added

    def deactivate_all(self) -> None:
        """Leave nothing active, so that a test starts from an empty fleet."""
        active = self.store.registry.instances(include_inactive=False)
        changed = [replace(item, is_active=False) for item in active]
        self.store.registry.put_instances(changed, datetime.now(UTC))

    def ended_session(self, session_id: str, seconds: float = 60) -> Session:
        """Wait until a session has ended, and check that its records and counts are true."""

        def look() -> Session | None:
            session = self.store.sessions.get(session_id)
            return session if session is not None and session.status.is_terminal else None

        session = wait_for(look, seconds, f"the end of session {session_id}")
        records = self.store.sessions.records(session_id)
        assert all(record.status.is_terminal for record in records), records
        assert session.completed_at is not None
        assert session.total == len(records)
        counted = [session.successful, session.failed, session.skipped, session.cancelled]
        kinds = [
            RecordStatus.COMPLETED,
            RecordStatus.FAILED,
            RecordStatus.SKIPPED,
            RecordStatus.CANCELLED,
        ]
        assert counted == [sum(item.status is kind for item in records) for kind in kinds]
        return session

    def record(self, session_id: str, name: str) -> InstanceRecord | None:
        records = self.store.sessions.records(session_id)
        return next((item for item in records if item.instance_name == name), None)

    def wait_running(self, session_id: str, name: str) -> None:
        """Wait until an instance is being synced."""

        def look() -> bool:
            record = self.record(session_id, name)
            return record is not None and record.status is RecordStatus.RUNNING

        wait_for(look, 60, f"the sync of {name}")

    def wait_at_work(self, session_id: str, count: int) -> set[str]:
        """Wait until so many instances are being synced, and return their names."""

        def look() -> set[str]:
            records = self.store.sessions.records(session_id)
            found = {it.instance_name for it in records if it.status is RecordStatus.RUNNING}
            return found if len(found) == count else set()

        return wait_for(look, 60, f"{count} syncs at once")


@dataclass
class System:
    """The three services of one home directory, and ways to drive and break them."""

    fleet: Fleet
    environment: dict[str, str]
    port: int
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    directory: Path = field(default_factory=project_root)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.fleet.home / "up.log"

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_for(self.is_loaded, START_SECONDS, "the start of the webserver")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_loaded(self) -> bool:
        try:
            entries = self.graphql(LOADED)["workspaceOrError"]["locationEntries"]
        except (urllib.error.URLError, ConnectionError):
            return False
        kinds = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
        return kinds == ["RepositoryLocation"]

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            # Dagster tells in its answer what went wrong.
            said = f"{error.reason}: {error.read(MOST_SHOWN).decode(errors='replace')}"
            raise urllib.error.HTTPError(error.url, error.code, said, error.headers, None) from None
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"]
        return found

    def execute_again(self, run_id: str, strategy: str = "FROM_FAILURE") -> str:
        """Execute again what failed in a run, as the UI's button does; return the new run."""
        answer = self.graphql(EXECUTE_AGAIN, run=run_id, strategy=strategy)
        return launched(answer["launchRunReexecution"])

    def execute_steps(self, run_id: str, steps: Sequence[str]) -> str:
        """Execute chosen steps of a run again, as the UI does; return the new run."""
        run = self.graphql(RUN, run=run_id)["runOrError"]
        tags = [tag for tag in run["tags"] if not tag["key"].startswith("dagster/")]
        params = {
            "selector": selector(run["jobName"]),
            "runConfigData": run["runConfig"],
            "stepKeys": list(steps),
            "executionMetadata": {
                "rootRunId": run["rootRunId"] or run_id,
                "parentRunId": run_id,
                "tags": [*tags, {"key": "dagster/step_selection", "value": ",".join(steps)}],
            },
        }
        return launched(self.graphql(EXECUTE_STEPS, params=params)["launchRunReexecution"])

    def launch(
        self, tags: dict[str, str] | None = None, job: str = "account_sync", **config: Any
    ) -> str:
        """Launch a job as the launchpad does, and return its run."""
        params = {
            "selector": selector(job),
            "runConfigData": {"ops": {"select_instances": {"config": config}}},
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]
            },
        }
        return launched(self.graphql(LAUNCH, params=params)["launchRun"])

    def terminate(self, run_id: str) -> None:
        answer = self.graphql(TERMINATE, run=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def ended_run(self, run_id: str, seconds: float = 90) -> str:
        """Wait until a run has ended and return its status."""

        def look() -> str | None:
            status = self.status(run_id)
            return status if status in ENDED else None

        return wait_for(look, seconds, f"the end of run {run_id}")

    def status(self, run_id: str) -> str:
        status: str = self.graphql(STATUS, run=run_id)["runOrError"]["status"]
        return status

    def events(self, run_id: str) -> list[DagsterEvent]:
        with open_instance() as instance:
            entries = instance.all_logs(run_id)
        return [entry.dagster_event for entry in entries if entry.dagster_event]

    def worker_pid(self, run_id: str) -> int:
        """Return the process of a run, once its log tells it."""
        with open_instance() as instance:
            return worker_of(instance, run_id)

    def step_pid(self, run_id: str, name: str) -> int:
        """Return the process of the newest step that syncs an instance, once the log tells it.

        The store knows of the sync a moment before the log: events of steps wait for others.
        """

        def is_it(event: DagsterEvent) -> bool:
            key = event.step_key or ""
            is_start = event.event_type_value == "STEP_START"
            return is_start and key.startswith(f"sync_instance[{name}_")

        with open_instance() as instance:
            return logged_pids(instance, run_id, is_it)[-1]

    def processes_of(self, run_id: str) -> set[int]:
        """Return the process of a run and those of its steps."""
        kinds = ("PIPELINE_START", "STEP_START")
        found = {item.pid for item in self.events(run_id) if item.event_type_value in kinds}
        return {pid for pid in found if pid}

    def kill_run(self, run_id: str) -> None:
        """Kill the process of a run and those of its steps."""
        for pid in self.processes_of(run_id):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def service_pid(self, word: str) -> int | None:
        """Return the process of the service whose command line has a word."""
        assert self.process is not None
        root = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in root.read_text().split():
            # It may have ended since.
            with suppress(OSError):
                if word in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                    return int(pid)
        return None


def environment_of(home: Path, **settings: object) -> dict[str, str]:
    """Return the environment of a system with these settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SYNC_PIPELINE")}
    kept.pop("DAGSTER_HOME", None)
    named = {f"SYNC_PIPELINE_{key.upper()}": str(value) for key, value in settings.items()}
    return {**kept, **named, "SYNC_PIPELINE_HOME": str(home)}


@contextmanager
def in_environment(environment: dict[str, str]) -> Iterator[None]:
    """Let this process see the settings of a system too."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            if key.startswith("SYNC_PIPELINE"):
                patch.setenv(key, value)
        yield


def up(port: int) -> list[str]:
    """Return the command with which people start the system."""
    return [
        sys.executable,
        "-m",
        "sync_pipeline.orchestration.processes.serve",
        "--port",
        str(port),
    ]


def quick_up(port: int) -> list[str]:
    """Return `up` for tests whose time goes into runs: it looks more often, and forks them."""
    return [sys.executable, "-m", "workbench.running.quick_up", "--port", str(port), ROOM]


def dagster_dev(port: int) -> list[str]:
    """Return Dagster's own command, which knows nothing of ours but the two YAML files."""
    return [sys.executable, "-m", "dagster", "dev", "--port", str(port)]


@contextmanager
def running_system(
    home: Path,
    command: Callable[[int], list[str]] = up,
    variables: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[System]:
    """Start a system and stop it afterwards; its log is printed when a test failed in it."""
    environment = {**environment_of(home, **settings), **(variables or {})}
    with in_environment(environment):
        fleet = Fleet(home, str(settings.get("store_url", "")))
        port = free_port()
        system = System(fleet, environment, port, command(port))
        try:
            system.start()
            yield system
        finally:
            system.stop()
            fleet.store.close()
            sys.stdout.write(system.log.read_text(errors="replace")[-20_000:])


@contextmanager
def held(server: RunningServer, catalog: str = "pg_init_privs") -> Iterator[Callable[[], None]]:
    """Hold a lock on a catalog that every PostgreSQL sync reads, until the end or release.

    Nothing else reads pg_init_privs. A new connection, to any database, may open every
    catalog that the server keeps a cache of (it does so when the file that spares it that
    has to be written again), so with most catalogs a test would stop Dagster's daemon
    too; of this one the server keeps none, and it belongs to one database.
    """
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
    ) as connection:
        connection.execute(
            sql.SQL("LOCK TABLE pg_catalog.{} IN ACCESS EXCLUSIVE MODE").format(
                sql.Identifier(catalog)
            )
        )
        yield connection.rollback
        connection.rollback()
