"""However a run ends, its session and its records say why, and what happens next."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import WorkspaceRequestContext

from sync_pipeline.definitions import defs
from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, TlsMode, TlsOptions
from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import RecordStatus, Session, SessionStatus
from sync_pipeline.orchestration.instance import dagster_environment, open_instance
from sync_pipeline.orchestration.processes.launch import Launch, cancel, create_run, open_workspace
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.causes import ENDED_BY_TERMINAL
from sync_pipeline.orchestration.runs.runs import close_session_of, reap_sessions
from sync_pipeline.store.sessions.sessions import SessionStore
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.running.code_servers import CodeServerBench, running_code_server
from workbench.running.system import (
    Fleet,
    environment_of,
    in_environment,
    wait_for,
    worker_of,
)

NEXT = "re-execute it from failure in the UI"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("ends")
    with (
        in_environment(environment_of(home, retry_limit=0)),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in dagster_environment().items():
            patch.setenv(name, value)
        yield home


@pytest.fixture(scope="module")
def fleet(home: Path) -> Iterator[Fleet]:
    """A fleet: one server takes a connection and says nothing, at another port is none."""
    fleet = Fleet(home)
    with socket.create_server(("127.0.0.1", 0)) as server:
        now = datetime.now(UTC)
        secret = fleet.vault.seal(Secret("a-password"))
        fleet.store.registry.put_credential(StoredCredential("c", "u", secret), now)
        silent = Instance(
            id=0,
            name="silent",
            engine=EngineName.POSTGRESQL,
            host="127.0.0.1",
            port=server.getsockname()[1],
            credential="c",
            tls=TlsOptions(TlsMode.DISABLE),
        )
        off = replace(silent, name="off", is_active=False)
        closed = replace(silent, name="closed", port=1)
        fleet.store.registry.put_instances([silent, off, closed], now)
        yield fleet
    fleet.store.close()


@dataclass(frozen=True)
class Bench:
    """A code server, which starts every run, as `sync-pipeline run` has one."""

    instance: DagsterInstance
    workspace: WorkspaceRequestContext
    fleet: Fleet
    code_server: CodeServerBench

    def begin(self) -> DagsterRun:
        # Named, so that it is tried whatever came before.
        config = {"ops": {"select_instances": {"config": {"instances": ["silent"]}}}}
        run = create_run(self.instance, self.workspace, Launch("account_sync", config))
        self.instance.launch_run(run.run_id, self.workspace)
        self.fleet.wait_running(run.run_id, "silent")
        return run

    def pid(self, run: DagsterRun) -> int:
        return worker_of(self.instance, run.run_id)

    def ended(self, run_id: str) -> DagsterRun:
        def look() -> DagsterRun | None:
            run = self.instance.get_run_by_id(run_id)
            return run if run is not None and run.is_finished else None

        return wait_for(look, 60, "the end of the run")

    def reasons(self, run: DagsterRun) -> list[str]:
        """Close the session of a run that is over; return what it and its records say."""
        with open_dependencies() as deps:
            session = close_session_of(self.instance, run, deps)
        records = self.fleet.store.sessions.records(session.session_id)
        return [session.error or "", *(item.error_message or "" for item in records)]


@pytest.fixture(scope="module")
def bench(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("server")
    with (
        running_code_server(directory) as server,
        open_instance() as instance,
        open_workspace(instance, server.address) as workspace,
    ):
        yield Bench(instance, workspace, fleet, server)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGKILL, ["ended without a word", "signal 9 (SIGKILL)"]),
        (signal.SIGSEGV, ["ended without a word", "signal 11 (SIGSEGV)", "library"]),
        (signal.SIGTERM, ["asked to end (SIGTERM or SIGINT)"]),
    ],
)
def test_a_process_that_ends_without_a_word(
    bench: Bench, number: signal.Signals, expected: list[str]
) -> None:
    run = bench.begin()
    os.kill(bench.pid(run), number)
    said = bench.reasons(bench.ended(run.run_id))
    assert len(said) == 2
    for text in said:
        for words in (*expected, "The next scheduled run does this again", NEXT):
            assert words in text


def test_what_ends_every_process_ends_a_run_by_its_own_word(bench: Bench) -> None:
    """As a service manager does; the template stays until its runs and its server have ended."""
    run = bench.begin()
    template = bench.code_server.template
    for pid in (template, bench.pid(run)):
        os.kill(pid, signal.SIGTERM)
    said = bench.reasons(bench.ended(run.run_id))
    assert all("asked to end (SIGTERM or SIGINT)" in text for text in said)
    assert bench.code_server.template == template


def test_no_run_outlives_its_template(bench: Bench) -> None:
    """The code server takes such a run for dead, so it must be; the next one has a template."""
    run = bench.begin()
    pid = bench.pid(run)
    os.kill(bench.code_server.template, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 30, "the end of the run's process")
    for text in bench.reasons(bench.ended(run.run_id)):
        assert "ended without a word" in text
        assert "signal 9 (SIGKILL)" in text
    again = bench.begin()
    cancel(bench.instance, again.run_id, ENDED_BY_TERMINAL)
    assert all("Ctrl-C" in text for text in bench.reasons(bench.ended(again.run_id)))


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (
            lambda bench, run: cancel(bench.instance, run.run_id, ENDED_BY_TERMINAL),
            "Ctrl-C",
        ),
        (
            lambda bench, run: bench.instance.run_launcher.terminate(run.run_id),
            "somebody ended it in the UI",
        ),
    ],
    ids=["terminal", "ui"],
)
def test_a_run_that_somebody_ended(
    bench: Bench, end: Callable[[Bench, DagsterRun], object], expected: str
) -> None:
    run = bench.begin()
    end(bench, run)
    said = bench.reasons(bench.ended(run.run_id))
    assert all("cancelled" in text and expected in text and NEXT in text for text in said)


def test_a_frozen_process_is_told_from_one_that_is_gone(bench: Bench) -> None:
    """The reaper finds it silent; its machine is this one, and shows the process."""
    run = bench.begin()
    pid = bench.pid(run)
    os.kill(pid, signal.SIGSTOP)
    try:
        with open_dependencies() as deps:
            (reaped,) = reap_sessions(bench.instance, deps, {run.run_id})
    finally:
        os.kill(pid, signal.SIGKILL)
    assert "no sign of life" in reaped.reason
    assert f"its process on {socket.gethostname()} is stopped" in reaped.reason
    assert NEXT in reaped.reason
    # The run's end is the reaper's word, whoever asks later.
    bench.ended(run.run_id)
    assert "no sign of life" in bench.reasons(bench.ended(run.run_id))[0]


def test_a_run_that_could_not_be_started(bench: Bench) -> None:
    """The code server hangs up; the last test, because nobody starts it again."""
    config = {"ops": {"select_instances": {"config": {}}}}
    run = create_run(bench.instance, bench.workspace, Launch("account_sync", config))
    location = bench.workspace.get_code_location("sync_pipeline")
    client = location.client  # type: ignore[attr-defined]
    client.shutdown_server()
    wait_for(lambda: not is_answering(client), 30, "the end of the code server")
    with pytest.raises(Exception, match="code server"):
        bench.instance.launch_run(run.run_id, bench.workspace)
    (said,) = bench.reasons(bench.ended(run.run_id))
    assert "never started: the code server did not answer" in said
    assert NEXT in said


def is_answering(client: Any) -> bool:
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True


def session_of(job: str, config: dict[str, Any], tags: dict[str, str] | None = None) -> Session:
    """Carry out a run in this process, and close its session as the sensor does."""
    ops: dict[str, Any] = {"select_instances": {"config": config}}
    if job.removeprefix("aggregate_") in tuple(PeriodType):  # of an asset, whose steps are a graph
        ops = {job.replace("aggregate_", "fleet_aggregations_"): {"ops": ops}}
    with open_instance() as instance:
        result = defs.resolve_job_def(job).execute_in_process(
            run_config={"ops": ops},
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        with open_dependencies() as deps:
            return close_session_of(instance, run, deps)


DAY = {"period": "day", "first": "2026-01-01", "last": "2026-01-02"}


@pytest.mark.parametrize(
    ("job", "config", "expected"),
    [
        ("account_sync", {"instances": ["nobody"]}, "The instance 'nobody' does not exist."),
        ("account_sync", {"instances": ["off"]}, "The instance 'off' is not active."),
        ("account_sync", {"instances": ["no\x1b[2Jbody"]}, r"'no\x1b[2Jbody' does not exist."),
        ("account_sync", {"engines": ["mysqll"]}, "'mysqll' is not an engine. Known are: mysql"),
        ("account_sync", {"instances": ["x" * 300]}, "at most 255"),
        ("capacity_sync", {"instances": ["nobody"]}, "The instance 'nobody' does not exist."),
        ("aggregate_sizes", {"engines": ["mysqll"]}, "'mysqll' is not an engine."),
        ("backfill_sizes", {**DAY, "instances": ["nobody"]}, "'nobody' does not exist."),
        ("backfill_sizes", {**DAY, "period": "year"}, "'year' is not a kind of period."),
        ("backfill_sizes", {**DAY, "first": "soon"}, "'soon' is not a date."),
        ("backfill_sizes", {**DAY, "first": "2026-02-01"}, "ends before it begins"),
        ("backfill_sizes", {**DAY, "first": "2999-01-01", "last": "2999-01-02"}, "in the future"),
    ],
)
def test_a_slip_is_told_in_the_session(
    fleet: Fleet, job: str, config: dict[str, Any], expected: str
) -> None:
    session = session_of(job, config)
    assert session.status is SessionStatus.FAILED
    said = (session.error or "").replace("\\\\", "\\")
    assert expected in said
    assert "Steps failed" not in said
    assert NEXT not in said  # that would fail again


def test_a_partition_that_can_not_be_is_told_in_the_session(fleet: Fleet) -> None:
    """One that is no date at all never becomes a run: Dagster refuses it."""
    session = session_of("aggregate_day", {}, {"dagster/partition": "2999-01-01"})
    assert "in the future" in (session.error or "")


def test_a_tag_that_nobody_has_is_named(fleet: Fleet) -> None:
    session = session_of("account_sync", {"tags": ["prdo"], "environments": ["x"]})
    assert session.status is SessionStatus.COMPLETED
    assert "No active instance matched the tag 'prdo' and the environment 'x'" in (
        session.error or ""
    )


def test_a_setting_that_is_wrong_in_the_run_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the run's machine has another environment than that of the reaper."""
    with open_instance() as instance:
        monkeypatch.setenv("SYNC_PIPELINE_RETRY_LIMIT", "many")
        result = defs.resolve_job_def("account_sync").execute_in_process(
            instance=instance, raise_on_error=False
        )
        monkeypatch.setenv("SYNC_PIPELINE_RETRY_LIMIT", "0")
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        with open_dependencies() as deps:
            session = close_session_of(instance, run, deps)
    assert "SYNC_PIPELINE_RETRY_LIMIT" in (session.error or "")
    assert "Steps failed" not in (session.error or "")


def test_a_store_that_is_away_when_a_run_begins(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = "postgresql+psycopg://nobody:s3cr3t-word@127.0.0.1:1/store"
    with open_instance() as instance:
        with monkeypatch.context() as patch:
            patch.setenv("SYNC_PIPELINE_STORE_URL", away)
            result = defs.resolve_job_def("account_sync").execute_in_process(
                instance=instance, raise_on_error=False
            )
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        with open_dependencies() as deps:
            session = close_session_of(instance, run, deps)
    said = session.error or ""
    assert "does not answer" in said
    assert "s3cr3t-word" not in said
    assert NEXT in said


def by_sensor(instance: DagsterInstance, run: DagsterRun, deps: SyncDeps) -> None:
    close_session_of(instance, run, deps)


def by_reaper(instance: DagsterInstance, _run: DagsterRun, deps: SyncDeps) -> None:
    reap_sessions(instance, deps)


@pytest.mark.parametrize("closes", [by_sensor, by_reaper])
def test_a_store_that_is_away_when_a_step_fails(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, closes: Callable[..., None]
) -> None:
    """Neither the step nor its hook can end the record. A stand-in: the store fails its writes."""

    def away(*_args: object, **_others: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    config = {"ops": {"select_instances": {"config": {"instances": ["closed"]}}}}
    with open_instance() as instance:
        with monkeypatch.context() as patch:
            for name in ("finish", "release", "fail_unfinished"):
                patch.setattr(SessionStore, name, away)
            result = defs.resolve_job_def("account_sync").execute_in_process(
                run_config=config, instance=instance, raise_on_error=False
            )
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        (before,) = fleet.store.sessions.records(run.run_id)
        assert before.status is RecordStatus.RUNNING
        with open_dependencies() as deps:
            closes(instance, run, deps)
    (record,) = fleet.store.sessions.records(run.run_id)
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "connect")
    said = record.error_message or ""
    assert said.startswith("closed: PostgreSQL at 127.0.0.1:1 could not be reached (refused)")
    assert "the record of each" not in said
    (streak,) = (item for item in fleet.store.streaks.all() if item.error_kind == "connect")
    assert streak.error_message == said
    fleet.store.streaks.end(streak.instance_id, streak.category)
