"""Runs launched by hand: through the webserver's GraphQL, and by `sync-pipeline run`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sync_pipeline.model.session import (
    RecordStatus,
    Session,
    SessionFilter,
    SessionStatus,
    SyncType,
)
from workbench.running.system import System, held, running_system, wait_for
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

COMMAND = (sys.executable, "-m", "sync_pipeline.cli.main")
NEVER = "0 0 1 1 *"
RUNS = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run {
  status jobName tags { key value } repositoryOrigin { repositoryLocationName }
} } }
"""


AGAIN = """
mutation ($run: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: FROM_FAILURE}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("launch")
    with running_system(home, account_sync_cron=NEVER, retry_base_seconds=0.2) as system:
        yield system


@pytest.fixture(autouse=True)
def _empty_fleet(system: System) -> None:
    system.fleet.deactivate_all()


def start_command(system: System, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "run", "account-sync", *arguments],
        env=system.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_through_the_webserver(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    system.fleet.add("pg", postgresql_server)
    system.fleet.add("maria", mariadb_server)
    run_id = system.launch()
    assert system.ended_run(run_id) == "SUCCESS"
    session = system.fleet.ended_session(run_id)
    assert (session.status, session.total) == (SessionStatus.COMPLETED, 2)
    assert session.sync_type is SyncType.MANUAL_TASK


def test_a_re_execution_continues_the_session(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    system.fleet.add("pg", postgresql_server)
    system.fleet.add("maria", mariadb_server, password="wrong")
    run_id = system.launch()
    assert system.ended_run(run_id) == "FAILURE"
    assert system.fleet.ended_session(run_id).status is SessionStatus.FAILED
    system.fleet.add("maria", mariadb_server)
    again = system.graphql(AGAIN, run=run_id)["launchRunReexecution"]
    assert again["__typename"] == "LaunchRunSuccess", again
    second = again["run"]["runId"]
    assert system.ended_run(second) == "SUCCESS"
    session = system.fleet.ended_session(run_id)
    assert (session.status, session.total) == (SessionStatus.COMPLETED, 2)
    attempts = {
        item.instance_name: (item.status, item.attempt)
        for item in system.fleet.store.sessions.records(run_id)
    }
    assert attempts == {
        "pg": (RecordStatus.COMPLETED, 1),
        "maria": (RecordStatus.COMPLETED, 2),
    }
    assert system.fleet.store.sessions.get(second) is None


def test_the_command_shows_in_the_ui(system: System, postgresql_server: RunningServer) -> None:
    system.fleet.add("pg", postgresql_server)
    system.fleet.add("other", postgresql_server)
    command = start_command(system, "--instance", "pg", "--json")
    output, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    answer = json.loads(output)
    session_id = answer["session"]["session_id"]
    assert [item["instance_name"] for item in answer["records"]] == ["pg"]
    assert answer["session"]["sync_type"] == "manual_single"
    assert answer["session"]["created_by"]
    shown = system.graphql(RUNS, run=session_id)["runOrError"]
    assert (shown["status"], shown["jobName"]) == ("SUCCESS", "account_sync")
    assert shown["repositoryOrigin"]["repositoryLocationName"] == "sync_pipeline"
    assert {"key": "dagster/max_runtime", "value": "3600"} in shown["tags"]


def test_exit_status_and_summary_of_a_failure(
    system: System, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    system.fleet.add("pg", postgresql_server)
    system.fleet.add("denied", mariadb_server, password="wrong")
    command = start_command(system)
    output, errors = command.communicate(timeout=120)
    assert command.returncode == 1, errors
    assert "1 of 2" in output
    assert "failed: denied:" in output
    assert "wrong" not in errors


def test_ctrl_c_cancels_the_run(system: System, postgresql_server: RunningServer) -> None:
    system.fleet.add("pg", postgresql_server)
    with held(postgresql_server):
        command = start_command(system)
        session_id = wait_for(lambda: running_session(system), 60, "a running session")
        system.fleet.wait_running(session_id, "pg")
        command.send_signal(signal.SIGINT)
        output, errors = command.communicate(timeout=90)
    assert command.returncode == 130, (output, errors)
    session = system.fleet.ended_session(session_id, 1)
    assert session.status is SessionStatus.CANCELLED
    record = system.fleet.record(session_id, "pg")
    assert record is not None
    assert record.status is RecordStatus.CANCELLED
    assert system.status(session_id) == "CANCELED"


def running_session(system: System) -> str | None:
    running: list[Session] = system.fleet.store.sessions.list(
        SessionFilter(status=SessionStatus.RUNNING)
    )
    return running[0].session_id if running else None
