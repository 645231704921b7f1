"""A session over several workers by Celery, of which one is killed: everything is recorded.

The settings are those of docs/more-machines.md: the sections of dagster.yaml that it
names, put in force, and its command that starts a worker.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from billiard.common import human_status
from billiard.exceptions import WorkerLostError
from dagster import DagsterInstance, DagsterRun
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.orchestration.celery_launcher import RunIdLauncher
from sync_pipeline.orchestration.runs.causes import Traces, cause_of
from sync_pipeline.orchestration.runs.ends import shown
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG
from sync_pipeline.orchestration.schedules import run_requests
from sync_pipeline.settings import project_root
from workbench.running.configuration import commented, variant
from workbench.running.system import (
    Fleet,
    System,
    dagster_dev,
    held,
    running_system,
    wait_for,
    worker_of,
)
from workbench.servers.fixtures_store import store_database
from workbench.servers.mysql_faults import authority
from workbench.servers.redis import redis_server
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

# The silence after which a run is given up of which Celery doesn't know that it is gone.
STALE_AFTER_SECONDS = 10
NAMES = ("near", "stuck", "far", "farther")


@pytest.fixture
def variables(
    tmp_path: Path, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The environment of every machine: Dagster's configuration, its database, the broker."""
    server = postgresql_server
    text = variant(server.port) + commented("Celery")
    (tmp_path / "dagster.yaml").write_text(
        text.replace("poll_interval_seconds: 15", "poll_interval_seconds: 2")
    )
    found_authority = authority(tmp_path / "tls", "127.0.0.1")
    with (
        store_database(server) as dagster_url,
        redis_server(tmp_path, found_authority, "Broker-1") as redis_url,
    ):
        found = {
            "DAGSTER_HOME": str(tmp_path),
            "DAGSTER_POSTGRES_HOST": server.host,
            "DAGSTER_POSTGRES_USER": server.admin_user,
            "DAGSTER_POSTGRES_PASSWORD": server.admin_password,
            "DAGSTER_POSTGRES_DB": dagster_url.rpartition("/")[2],
            "CELERY_BROKER_URL": redis_url,
            "CELERY_RESULT_BACKEND": redis_url,
        }
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        yield found


def worker_command() -> list[str]:
    """Return the documented command, for this interpreter."""
    page = (project_root() / "docs" / "more-machines.md").read_text()
    match = re.search(r"^(celery -A .*)$", page, re.MULTILINE)
    assert match is not None
    program, *options = match[1].split()
    return [sys.executable, "-m", program, *options]


@contextmanager
def worker(system: System, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker as the head of its own group of processes, and end the group."""
    log = system.fleet.home / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*worker_command(), "--hostname", f"{name}@%h"],
            cwd=project_root(),
            env=system.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(lambda: "ready." in log.read_text(errors="replace"), 60, f"worker {name}")
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        sys.stdout.write(log.read_text(errors="replace")[-8000:])


def a_fleet_on_two_hosts(fleet: Fleet, near: RunningServer, far: RunningServer) -> None:
    """Register two instances on each host; the first shard is the one of 127.0.0.1."""
    servers: Mapping[str, RunningServer] = {
        "near": far, "stuck": near, "far": far, "farther": far,
    }  # fmt: skip
    for name, server in servers.items():
        host = "localhost" if name.startswith("far") else "127.0.0.1"
        fleet.add(name, server, host=host)


def group_of_run(run_id: str) -> int:
    """Return the process group in which a run is at work."""
    with DagsterInstance.get() as instance:
        return os.getpgid(worker_of(instance, run_id))


def test_a_worker_is_killed_in_the_middle_of_a_session(
    variables: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: RunningServer,
    mariadb_server: RunningServer,
) -> None:
    home = tmp_path_factory.mktemp("celery")
    with (
        store_database(postgresql_server) as store_url,
        running_system(
            home,
            dagster_dev,
            variables,
            store_url=store_url,
            account_sync_cron="0 0 1 1 *",
            retry_limit=0,
            stale_after_seconds=STALE_AFTER_SECONDS,
        ) as system,
        ExitStack() as stack,
        held(postgresql_server) as release,
    ):
        fleet = system.fleet
        a_fleet_on_two_hosts(fleet, postgresql_server, mariadb_server)
        asked = run_requests("account_sync", datetime.now(UTC), 2)
        session_id = asked[0].tags[SESSION_TAG]
        doomed, sound = (system.launch(tags=dict(request.tags)) for request in asked)
        for run in (doomed, sound):
            wait_for(lambda run=run: system.status(run) == "STARTING", 60, "a task")
        # The first worker finds both runs, and must leave one to the other.
        stack.enter_context(worker(system, "one"))
        fleet.wait_running(session_id, "stuck")
        stack.enter_context(worker(system, "two"))
        assert system.ended_run(sound) == "SUCCESS"
        wait_for(lambda: is_done(fleet, session_id, "near"), 30, "the sync of near")
        os.killpg(group_of_run(doomed), signal.SIGKILL)
        assert system.ended_run(doomed, STALE_AFTER_SECONDS + 90) == "FAILURE"
        session = fleet.ended_session(session_id)
        assert "no sign of life" in (session.error or "")
        release()
        assert (session.status, session.successful, session.failed) == (SessionStatus.FAILED, 3, 1)
        stuck = fleet.record(session_id, "stuck")
        assert stuck is not None
        assert (stuck.status, stuck.run_id) == (RecordStatus.FAILED, doomed)

        # The worker that is left finishes what the other one could not.
        again = system.execute_again(doomed)
        assert system.ended_run(again) == "SUCCESS"
        session = fleet.ended_session(session_id)
        assert (session.status, session.successful) == (SessionStatus.COMPLETED, len(NAMES))
        # The last record closed the session; a sensor notes the end of its run after that.
        ended = {doomed: SessionStatus.FAILED, again: SessionStatus.COMPLETED}
        ended[sound] = SessionStatus.COMPLETED
        wait_for(lambda: ends_of(fleet, session_id) == ended, 30, "the end of all runs")


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # of Celery itself
@pytest.mark.parametrize("status", [-9, -11])
def test_a_killed_child_of_a_worker_is_told_by_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """What a worker leaves of it in a real Redis, as the launcher reads it."""
    monkeypatch.setenv("SYNC_PIPELINE_HOME", str(tmp_path))
    with redis_server(tmp_path, authority(tmp_path / "own", "127.0.0.1"), "Broker-1") as url:
        launcher = RunIdLauncher(url, url)
        lost = WorkerLostError(f"Worker exited prematurely: {human_status(status)} Job: 0.")
        launcher.celery.backend.store_result("task", lost, "FAILURE")
        run = DagsterRun("account_sync", tags={DAGSTER_CELERY_TASK_ID_TAG: "task"})
        health = launcher.check_run_worker_health(run)
    # As Dagster's run monitoring reports it.
    said = f"Detected run worker status {health}. Marking run {run.run_id} as failed."
    name = signal.Signals(-status).name
    assert f"ended without a word: it was ended by signal {-status} ({name})" in cause_of(
        Traces(said=shown(said))
    )


def ends_of(fleet: Fleet, session_id: str) -> dict[str | None, SessionStatus]:
    return {run.run_id: run.status for run in fleet.store.sessions.runs(session_id)}


def is_done(fleet: Fleet, session_id: str, name: str) -> bool:
    record = fleet.record(session_id, name)
    return record is not None and record.status is RecordStatus.COMPLETED
