"""The runs of a system that begins or ends: which are its own, and which nobody carries out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes.launch import cancel
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.causes import ENDED_BY_UP
from sync_pipeline.orchestration.runs.ends import code_server_of
from sync_pipeline.orchestration.runs.runs import UNFINISHED, close_session_of
from sync_pipeline.workflows.dependencies import SyncDeps

_LOG = logging.getLogger("sync_pipeline")
SECONDS_FOR_A_SUCCESSOR = 5.0
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_ANSWER = 5


def end_runs(address: Path, *, is_in_charge: bool, has_successor: Callable[[], bool]) -> None:
    """Cancel the runs that this system carries out, and close their sessions.

    Those of a code server of its own are cancelled, those of another one go on. What no code
    server has, such as a run in the queue, is left to who takes over; it is cancelled where
    this system was in charge of it and nobody does.
    """
    with open_instance() as instance, open_dependencies() as deps:
        runs = instance.get_runs(dg.RunsFilter(statuses=[*UNFINISHED]))
        for run in runs:
            if code_server_of(run) == str(address):
                _end(instance, run, deps)
        rest = [run for run in runs if code_server_of(run) is None]
        if rest and is_in_charge and not _await(has_successor):
            for run in rest:
                _end(instance, run, deps)


def hand_over_again(instance: dg.DagsterInstance) -> None:
    """Put runs into the queue again that a daemon had taken out of it and never started.

    Called where no daemon is at work. Only Dagster's own launcher is known to have lost them:
    with another one they may wait for a worker.
    """
    if not isinstance(instance.run_launcher, DefaultRunLauncher):
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
        queued = instance.all_logs(run.run_id, of_type=DagsterEventType.PIPELINE_ENQUEUED)
        if not queued or _is_carried_out(run):
            continue
        now = instance.get_run_by_id(run.run_id)
        if now is not None and now.status is dg.DagsterRunStatus.STARTING:
            _LOG.warning("Run %s was never started; it is in the queue again.", run.run_id)
            instance.report_dagster_event(DagsterEvent.job_enqueue(now), run_id=run.run_id)


def _is_carried_out(run: dg.DagsterRun) -> bool:
    """Return whether the code server that a run was given to has a process for it."""
    socket = code_server_of(run)
    if not socket:
        return socket == ""  # given to a code server on another machine
    if not Path(socket).exists():
        return False
    request = CanCancelExecutionRequest(run_id=run.run_id)
    try:
        client = DagsterGrpcClient(socket=socket)
        answer = client.can_cancel_execution(request, timeout=SECONDS_TO_ANSWER)
    except DagsterUserCodeUnreachableError:
        return False
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, deps: SyncDeps) -> None:
    if run.status is dg.DagsterRunStatus.QUEUED:
        instance.report_run_canceled(run, ENDED_BY_UP)
    _LOG.warning("Cancelling run %s.", run.run_id)
    close_session_of(instance, cancel(instance, run.run_id, ENDED_BY_UP), deps)


def _await(has_successor: Callable[[], bool]) -> bool:
    """Return whether somebody takes over soon."""
    deadline = time.monotonic() + SECONDS_FOR_A_SUCCESSOR
    while not has_successor():
        if time.monotonic() > deadline:
            return False
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True
