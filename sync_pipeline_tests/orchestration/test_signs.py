"""Signs of life of the processes of `up`, and what becomes of runs that nobody carries out."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.events import DagsterEvent
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._daemon.types import DaemonHeartbeat

from sync_pipeline.definitions import defs
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes import handover as runs
from sync_pipeline.orchestration.processes.handover import end_runs, hand_over_again
from sync_pipeline.orchestration.processes.lifeline import FENCED, ChildEnd, KeeperEnd, steady
from sync_pipeline.orchestration.processes.services import Service
from sync_pipeline.orchestration.processes.signs import (
    PROCESS,
    SECONDS_UNTIL_OTHERS_END,
    CodeServerProbe,
    DaemonProbe,
    WebserverProbe,
)
from sync_pipeline.workflows.watching.patience import Look
from workbench.running.system import environment_of, in_environment

OURS, OTHER = "ours", "another"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with in_environment(environment_of(tmp_path)), open_instance() as opened:
        yield opened


@pytest.fixture
def daemon(instance: DagsterInstance) -> Iterator[Daemon]:
    found = Daemon(instance)
    yield found
    found.close()


@dataclass
class Daemon:
    """A daemon whose heartbeats the test writes into Dagster's real storage."""

    instance: DagsterInstance
    clock: float = 1000.0
    heard_of: list[str] = field(default_factory=list)
    is_blind: bool = False
    line: KeeperEnd = field(default_factory=KeeperEnd)

    def __post_init__(self) -> None:
        self.child = ChildEnd(self.line.theirs)
        self.service = Service("daemon", [], {}, line=self.line, starts=1)
        self.probe = DaemonProbe(
            lambda: self.instance, self.service, lambda: self.is_blind, self.heard_of.append
        )
        self.child.say(f"id {OURS}")
        self.probe()
        self.probe._since = time.monotonic() - SECONDS_UNTIL_OTHERS_END - 1

    def close(self) -> None:
        self.child.line.close()
        self.line.close()

    def beat(self, daemon_id: str, *kinds: str) -> None:
        self.clock += 30
        for kind in kinds or self.instance.get_required_daemon_types():
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(self.clock, kind, daemon_id))


def test_a_thread_that_hangs_is_found_among_those_that_work(
    instance: DagsterInstance, daemon: Daemon
) -> None:
    kinds = instance.get_required_daemon_types()
    daemon.beat(OURS)
    assert daemon.probe() == {**dict.fromkeys(kinds, Look.ALIVE), PROCESS: Look.SILENT}
    daemon.beat(OURS, *(kind for kind in kinds if kind != "SENSOR"))
    daemon.child.say("here")
    assert daemon.probe() == {
        **dict.fromkeys(kinds, Look.ALIVE), "SENSOR": Look.SILENT, PROCESS: Look.ALIVE,
    }  # fmt: skip


def test_another_daemon_is_told_and_ours_is_not_judged_by_its_signs(daemon: Daemon) -> None:
    daemon.beat(OURS)
    daemon.probe()
    daemon.beat(OTHER)
    looks = daemon.probe()
    assert set(looks.values()) == {Look.BLIND, Look.SILENT}
    assert looks[PROCESS] is Look.SILENT
    assert set(daemon.heard_of) == {OTHER}


def test_the_last_words_of_a_daemon_that_ended_are_no_other_daemon(daemon: Daemon) -> None:
    daemon.beat(OURS)
    daemon.probe()
    daemon.probe._since = time.monotonic()
    daemon.beat(OTHER, "SENSOR")
    daemon.probe()
    assert daemon.heard_of == []


@pytest.mark.parametrize("reason", ["code server", "storage", "never opened"])
def test_a_daemon_is_not_blamed_for_what_it_waits_for(
    instance: DagsterInstance, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    daemon.beat(OURS)
    daemon.probe()

    def fails() -> DagsterInstance:
        raise ConnectionError

    if reason == "code server":
        daemon.is_blind = True
    elif reason == "storage":
        monkeypatch.setattr(instance, "get_daemon_heartbeats", fails)
    else:
        daemon.probe.instance = fails
    looks = {kind: look for kind, look in daemon.probe().items() if kind != PROCESS}
    assert set(looks.values()) == {Look.BLIND}


def test_what_does_not_answer_is_silent(tmp_path: Path) -> None:
    """It listens, as a frozen process does, or it does not."""
    path = str(tmp_path / "code.sock")
    assert CodeServerProbe(path)() == {PROCESS: Look.SILENT}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert WebserverProbe("127.0.0.1", port)() == {PROCESS: Look.SILENT}


def test_any_answer_of_the_webserver_is_a_sign() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        probe = WebserverProbe("0.0.0.0", listener.getsockname()[1])
        assert probe() == {PROCESS: Look.ALIVE}
        thread.join()


CHILD = """
import sys, time
from sync_pipeline.orchestration.processes.lifeline import ChildEnd
life = ChildEnd.inherited(int(sys.argv[1]))
life.await_permission()
life.watch()
print("works", flush=True)
time.sleep(60)
"""


def child(line: KeeperEnd) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(line.descriptor)],
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[line.descriptor],
    )
    line.started()
    return process


@pytest.mark.parametrize("end", ["line", "time"])
def test_a_child_ends_with_its_keeper_and_with_its_time(end: str) -> None:
    """The first permissions are old by the time it reads them: the newest counts."""
    line = KeeperEnd()
    for until in (steady() - 100, steady() - 50, steady() + 3600):
        line.allow(until)
    process = child(line)
    assert process.stdout is not None
    assert process.stdout.readline() == "works\n"
    if end == "line":
        line.close()
    else:
        line.allow(steady() + 0.2)
    assert process.wait(30) == FENCED
    line.close()
    process.stdout.close()


FENCED_CHILD = """
import sys
from sqlalchemy import create_engine, text
from sync_pipeline.orchestration.processes.daemon import fence_statements
from sync_pipeline.orchestration.processes.lifeline import ChildEnd
life = ChildEnd.inherited(int(sys.argv[1]))
fence_statements(life)
engine = create_engine(f"sqlite:///{sys.argv[2]}")
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE t (n INTEGER)"))
with engine.begin() as connection:
    if sys.argv[3] == "statement":
        life.deadline = 0.0
    connection.execute(text("INSERT INTO t VALUES (1)"))
    life.deadline = 0.0
    if sys.argv[3] == "statement":
        sys.exit("a statement began")
"""


@pytest.mark.parametrize("at", ["statement", "commit"])
def test_a_daemon_whose_time_is_over_writes_nothing_more(tmp_path: Path, at: str) -> None:
    """As one that was frozen within a transaction finds when it wakes up."""
    line = KeeperEnd()
    database = tmp_path / "runs.db"
    ended = subprocess.run(
        [sys.executable, "-c", FENCED_CHILD, str(line.descriptor), str(database), at],
        pass_fds=[line.descriptor],
        check=False,
        timeout=60,
    )
    line.close()
    assert ended.returncode == FENCED
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_one_who_is_not_read_does_not_hold_up_its_keeper() -> None:
    line = KeeperEnd()
    began = time.monotonic()
    for _ in range(5000):
        line.allow(steady())
    assert time.monotonic() - began < 10
    line.close()


def launched(instance: DagsterInstance, *events: str, tags: dict[str, str] | None = None) -> str:
    location = GrpcServerCodeLocationOrigin("localhost", socket="/s", location_name="sync_pipeline")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "account_sync")
    job = defs.resolve_job_def("account_sync")
    run = instance.create_run_for_job(job, tags=tags or {}, remote_job_origin=origin)
    for name in events:
        instance.report_dagster_event(DagsterEvent(name, "account_sync"), run_id=run.run_id)
    return run.run_id


def status(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_that_left_the_queue_and_was_never_started_is_queued_again(
    instance: DagsterInstance,
) -> None:
    enqueued, starting, started = "PIPELINE_ENQUEUED", "PIPELINE_STARTING", "PIPELINE_START"
    gone = {GRPC_INFO_TAG: '{"host": "localhost", "socket": "/nowhere/code.sock"}'}
    lost = launched(instance, enqueued, starting)
    handed_over = launched(instance, enqueued, starting, tags=gone)
    at_work = launched(instance, enqueued, starting, started)
    of_the_command = launched(instance, starting)
    hand_over_again(instance)
    assert status(instance, lost) is DagsterRunStatus.QUEUED
    assert status(instance, handed_over) is DagsterRunStatus.QUEUED
    assert status(instance, at_work) is DagsterRunStatus.STARTED
    assert status(instance, of_the_command) is DagsterRunStatus.STARTING


@pytest.mark.parametrize(("is_in_charge", "has_successor"), [(1, 0), (1, 1), (0, 0)])
def test_who_ends_cancels_its_own_runs_and_what_nobody_else_takes(
    instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    is_in_charge: int, has_successor: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(runs, "SECONDS_FOR_A_SUCCESSOR", 0.0)
    monkeypatch.setattr("sync_pipeline.orchestration.processes.launch.SECONDS_TO_CANCEL", 0.0)
    address = tmp_path / "code.sock"
    mine = {GRPC_INFO_TAG: f'{{"host": "localhost", "socket": "{address}"}}'}
    other = {GRPC_INFO_TAG: f'{{"host": "localhost", "socket": "{address}.other"}}'}
    begun = ("PIPELINE_STARTING", "PIPELINE_START")
    own = launched(instance, *begun, tags=mine)
    beside = launched(instance, *begun, tags=other)
    unknown = launched(instance, *begun)
    end_runs(
        address,
        is_in_charge=bool(is_in_charge),
        has_successor=lambda: bool(has_successor),
    )
    assert status(instance, own) is DagsterRunStatus.CANCELED
    assert status(instance, beside) is DagsterRunStatus.STARTED
    ended = DagsterRunStatus.CANCELED if is_in_charge and not has_successor else None
    assert status(instance, unknown) is (ended or DagsterRunStatus.STARTED)
