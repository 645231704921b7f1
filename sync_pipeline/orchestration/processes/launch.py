"""Launch one run of a job and see it through, as a process of its own.

The run goes the same way as one from the UI: a code server starts the run's worker, so the
UI shows it, can end it, and a killed worker is noticed at once. It does not wait in the
queue, so it needs no daemon. This process imports for all of them: the code server is forked
off it, and the worker off a template (ADR 0039).

Progress is written to standard output as JSON, one object a line; `sync-pipeline run`
reads it. SIGINT and SIGTERM cancel the run.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import dagster as dg
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._grpc.client import DagsterGrpcClient, client_heartbeat_thread
from sqlalchemy.exc import SQLAlchemyError

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.errors import SyncError
from sync_pipeline.orchestration.instance import dagster_environment, open_instance
from sync_pipeline.orchestration.processes import code_server
from sync_pipeline.orchestration.processes.code_server import LOCATION
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.causes import ENDED_BY_TERMINAL, TOOK_TOO_LONG
from sync_pipeline.orchestration.runs.lineage import part_of
from sync_pipeline.orchestration.runs.runs import (
    BACKFILL_SIZES,
    CREATED_BY_TAG,
    close_session_of,
)
from sync_pipeline.orchestration.runs.troubles import told_storage
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported

SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_TO_LOAD = 120.0
SECONDS_OF_SILENCE = 45
"""After which the code server takes this process for gone; Dagster's own number."""
SECONDS_TO_CANCEL = 45.0
SECONDS_TO_BEAR = 60.0
SECONDS_BEYOND_MAX_RUNTIME = 60.0


@dataclass(frozen=True, slots=True)
class Launch:
    """A job to run, with its configuration as the launchpad would have it."""

    job: str
    run_config: dict[str, Any]
    created_by: str | None = None


@dataclass(slots=True)
class Interruption:
    """Whether somebody asked this process to end."""

    requested: bool = field(default=False)

    def request(self, *_: object) -> None:
        """Remember the request; a signal handler."""
        self.requested = True


@dataclass(frozen=True, slots=True)
class Announcer:
    """Writes one JSON object a line."""

    stream: TextIO

    def say(self, **fields: object) -> None:
        """Write one line now."""
        self.stream.write(json.dumps(fields) + "\n")
        self.stream.flush()


@dataclass(frozen=True, slots=True)
class CodeServer:
    """The code server that was forked off this process."""

    process: int
    address: Path

    def await_start(self) -> None:
        """Wait until it answers.

        Raises:
            SyncError: it ended before that, or took too long.
        """
        deadline = time.monotonic() + SECONDS_TO_LOAD
        client = DagsterGrpcClient(socket=str(self.address))
        while not self._answers(client):
            if os.waitpid(self.process, os.WNOHANG) != (0, 0):
                raise SyncError("The code server ended before it could launch the run.")
            if time.monotonic() > deadline:
                raise SyncError(f"The code server did not start within {SECONDS_TO_LOAD:g} s.")
            time.sleep(0.02)

    def _answers(self, client: DagsterGrpcClient) -> bool:
        if not self.address.exists():
            return False
        try:
            client.ping("")
        except DagsterUserCodeUnreachableError:
            return False
        return True

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Tell it within the block that this process is there, and let it end afterwards."""
        client = DagsterGrpcClient(socket=str(self.address))
        ended = threading.Event()
        threading.Thread(target=client_heartbeat_thread, args=(client, ended), daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            with suppress(DagsterUserCodeUnreachableError):
                client.shutdown_server()


@contextmanager
def open_workspace(
    instance: dg.DagsterInstance, address: Path
) -> Iterator[WorkspaceRequestContext]:
    """Open what the code server at an address serves."""
    target = GrpcServerTarget("localhost", None, str(address), LOCATION)
    with WorkspaceProcessContext(instance, target) as process:
        yield process.create_request_context()


def create_run(
    instance: dg.DagsterInstance, workspace: WorkspaceRequestContext, launch: Launch
) -> dg.DagsterRun:
    """Create a run that the UI shows under its code location."""
    location = workspace.get_code_location(LOCATION)
    (repository,) = location.get_repositories().values()
    selector = JobSubsetSelector(
        location_name=location.name,
        repository_name=repository.name,
        job_name=launch.job,
        op_selection=None,
    )
    job = location.get_job(selector)
    plan = location.get_execution_plan(
        job, launch.run_config, step_keys_to_execute=None, known_state=None, instance=instance
    )
    snapshot = plan.execution_plan_snapshot
    tags = {**job.tags}
    if launch.created_by:
        tags[CREATED_BY_TAG] = launch.created_by
    return instance.create_run(
        job_name=launch.job,
        run_id=None,
        run_config=launch.run_config,
        resolved_op_selection=None,
        step_keys_to_execute=snapshot.step_keys_to_execute,
        op_selection=None,
        status=None,
        root_run_id=None,
        parent_run_id=None,
        tags=tags,
        job_snapshot=job.job_snapshot,
        execution_plan_snapshot=snapshot,
        parent_job_snapshot=job.parent_job_snapshot,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
        asset_selection=None,
        asset_check_selection=None,
        asset_graph=repository.asset_graph,
    )


def watch(
    instance: dg.DagsterInstance, run_id: str, interruption: Interruption, longest_seconds: float
) -> dg.DagsterRun:
    """Wait for the end of a run; cancel it when asked to, or when it takes too long.

    Raises:
        SQLAlchemyError, OSError: Dagster's storage did not answer for a while.
    """
    deadline = time.monotonic() + longest_seconds
    seen_at = time.monotonic()
    while True:
        try:
            run = _run(instance, run_id)
            seen_at = time.monotonic()
        except (SQLAlchemyError, OSError):
            # A disk that is full may have room soon; the run goes on meanwhile.
            if interruption.requested or time.monotonic() - seen_at > SECONDS_TO_BEAR:
                raise
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        if run.is_finished:
            return run
        if interruption.requested:
            return cancel(instance, run_id, ENDED_BY_TERMINAL)
        if time.monotonic() > deadline:
            instance.report_run_failed(run, TOOK_TOO_LONG)
            return _run(instance, run_id)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def cancel(instance: dg.DagsterInstance, run_id: str, who: str) -> dg.DagsterRun:
    """End a run, by force where its worker does not end by itself; return it ended.

    `who` says for its session who ended it.
    """
    run = _run(instance, run_id)
    if not run.is_finished:
        instance.report_run_canceling(run, who)
    # Where its code server is gone, nobody hears it; the run is ended all the same.
    with suppress(DagsterUserCodeUnreachableError):
        instance.run_launcher.terminate(run_id)
    deadline = time.monotonic() + SECONDS_TO_CANCEL
    run = _run(instance, run_id)
    while not run.is_finished:
        if time.monotonic() > deadline:
            instance.report_run_canceled(run, "The worker did not answer the cancellation.")
        time.sleep(SECONDS_BETWEEN_LOOKS)
        run = _run(instance, run_id)
    return run


def run_to_end(
    launch: Launch, server: CodeServer, announcer: Announcer, interruption: Interruption
) -> None:
    """Launch, announce the run, wait for its end, and close its session."""
    with open_instance() as instance:
        server.await_start()
        with server.kept(), open_workspace(instance, server.address) as workspace:
            if interruption.requested:
                return
            run = create_run(instance, workspace, launch)
            announcer.say(run_id=run.run_id, session_id=part_of(run, instance).session_id)
            _launch(instance, run.run_id, workspace)
            longest = float(run.tags["dagster/max_runtime"]) + SECONDS_BEYOND_MAX_RUNTIME
            ended = watch(instance, run.run_id, interruption, longest)
            with open_dependencies() as deps:
                close_session_of(instance, ended, deps)
            announcer.say(status=ended.status.value)


def _launch(instance: dg.DagsterInstance, run_id: str, workspace: WorkspaceRequestContext) -> None:
    """Launch a run. One that can't be started has ended with that, and its session says why."""
    try:
        instance.launch_run(run_id, workspace)
    except Exception:
        if not _run(instance, run_id).is_finished:
            raise


def _run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    if run is None:
        raise SyncError(f"The run {run_id} was deleted while it ran.")
    return run


def _private_stdout() -> TextIO:
    """Keep standard output for the announcements; children write to standard error."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


@contextmanager
def _directory() -> Iterator[Path]:
    """Make a directory for the sockets; the code server may outlive it for a moment."""
    with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def main() -> int:
    """Launch what the command line names; return 0 when the run was launched and ended."""
    parser = argparse.ArgumentParser(prog="launch", description=__doc__)
    parser.add_argument("job", choices=[*(row.job for row in CATEGORIES.values()), BACKFILL_SIZES])
    parser.add_argument(
        "--config", default="{}", help="the run's configuration, as JSON; - reads it"
    )
    parser.add_argument("--created-by", default=None)
    options = parser.parse_args()
    os.environ.update(dagster_environment())
    stream = _private_stdout()
    announcer = Announcer(stream)
    interruption = Interruption()
    signal.signal(signal.SIGINT, interruption.request)
    signal.signal(signal.SIGTERM, interruption.request)
    config = sys.stdin.read() if options.config == "-" else options.config
    launch = Launch(options.job, json.loads(config), options.created_by)
    try:
        with told_storage(), _directory() as directory:
            address = directory / "code.sock"
            code_server.load()
            process = code_server.fork(address, SECONDS_OF_SILENCE, stream.close)
            keep_what_was_imported()
            run_to_end(launch, CodeServer(process, address), announcer, interruption)
    except SyncError as error:
        announcer.say(error=str(error), kind=error.kind)
        return 1
    except dg.DagsterError as error:
        announcer.say(error=f"Dagster could not launch the run: {error}", kind="dagster")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
