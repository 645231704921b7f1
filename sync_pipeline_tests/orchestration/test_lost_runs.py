"""A run whose process is no more, and which nobody saw end: its worker and its code server died."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG

from sync_pipeline.definitions import defs
from sync_pipeline.model.session import SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs import ends, runs
from sync_pipeline.orchestration.runs.ends import note_machine
from sync_pipeline.orchestration.runs.machine import Machine
from sync_pipeline.orchestration.runs.runs import close_session_of, end_lost_runs
from workbench.running.system import environment_of, in_environment


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setattr(runs, "SECONDS_TO_NOTICE", 0.0)
    with in_environment(environment_of(tmp_path)), open_instance() as instance:
        yield instance


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """What stands for the process of a run."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def begun(
    instance: DagsterInstance,
    process: subprocess.Popen[bytes],
    status: DagsterRunStatus = DagsterRunStatus.STARTED,
    tags: dict[str, str] | None = None,
) -> DagsterRun:
    """Return a run that is at work for Dagster, and of which no step has opened the store."""
    job = defs.resolve_job_def("account_sync")
    run = instance.create_run_for_job(job, status=status, tags=tags)
    text = f"Started process for run (pid: {process.pid})."
    instance.report_engine_event(text, run, EngineEventData())
    return run


def status_after_a_look(instance: DagsterInstance, run: DagsterRun) -> DagsterRunStatus:
    end_lost_runs(instance)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("at_work", "ended"),
    [
        (DagsterRunStatus.STARTED, DagsterRunStatus.FAILURE),
        (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED),
    ],
)
def test_a_run_whose_process_is_no_more_is_ended(
    instance: DagsterInstance,
    process: subprocess.Popen[bytes],
    at_work: DagsterRunStatus,
    ended: DagsterRunStatus,
) -> None:
    run = begun(instance, process, at_work)
    note_machine(instance, run)
    assert status_after_a_look(instance, run) is at_work
    killed(process)
    assert status_after_a_look(instance, run) is ended
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    with open_dependencies() as deps:
        session = close_session_of(instance, found, deps)
    wanted = SessionStatus.FAILED if ended is DagsterRunStatus.FAILURE else SessionStatus.CANCELLED
    assert session.status is wanted


def test_one_that_noted_no_machine_is_known_by_the_socket_of_its_code_server(
    instance: DagsterInstance, process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    address = tmp_path / "code.sock"
    tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": str(address)})}
    run = begun(instance, process, tags=tags)
    killed(process)
    assert status_after_a_look(instance, run) is DagsterRunStatus.STARTED
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        assert status_after_a_look(instance, run) is DagsterRunStatus.FAILURE


def test_a_run_of_another_machine_is_left_alone(
    instance: DagsterInstance, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process has an id that means nothing here."""
    run = begun(instance, process)
    with monkeypatch.context() as patch:
        there = Machine("elsewhere", "0" * 36)
        patch.setattr(ends.Machine, "here", lambda: there)
        note_machine(instance, run)
    killed(process)
    assert status_after_a_look(instance, run) is DagsterRunStatus.STARTED


def test_a_run_of_another_launcher_is_left_alone(
    instance: DagsterInstance, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container on this machine may have its host's name, and process ids of its own."""
    run = begun(instance, process)
    note_machine(instance, run)
    killed(process)
    monkeypatch.setattr(ends, "DefaultRunLauncher", type("Other", (), {}))
    assert status_after_a_look(instance, run) is DagsterRunStatus.STARTED
