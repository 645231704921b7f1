"""Limits on connections and time, shown on real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from sync_pipeline import connect
from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConnectError, ConnectionLimit, RunDeadline, SyncError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.fleet.slots import Slots
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import (
    InstanceRecord,
    NewSession,
    RecordStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.limits import limits_of
from sync_pipeline.workflows.syncing.probe import probe_instance
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from sync_pipeline.workflows.syncing.sizes import sync_instance_sizes
from workbench.running.system import held
from workbench.servers.running import RunningServer, free_port

ACCOUNT, CAPACITY = SyncCategory.ACCOUNT, SyncCategory.CAPACITY
SYNC: dict[SyncCategory, Callable[..., Any]] = {
    ACCOUNT: sync_instance_accounts,
    CAPACITY: sync_instance_sizes,
}


def now() -> datetime:
    return datetime.now(UTC)


class Host:
    """A server that the registry has under many names, as a host with many instances."""

    def __init__(self, server: RunningServer, home: Path, names: int = 1, **settings: Any) -> None:
        self.server = server
        self.settings = Settings(home=home, **settings)
        self.store = Store.open(self.settings.effective_store_url)
        vault = SecretVault.open(self.settings)
        self.deps = SyncDeps(self.store, vault, self.settings, now)
        secret = vault.seal(Secret(server.admin_password))
        self.store.registry.put_credential(
            StoredCredential("admin", server.admin_user, secret), now()
        )
        self.store.registry.put_instances(
            [self.named(f"i{number}") for number in range(names)], now()
        )

    def named(self, name: str) -> Instance:
        return Instance(
            id=0,
            name=name,
            engine=self.server.engine,
            host=self.server.host,
            port=self.server.port,
            credential="admin",
            tls=TlsOptions(TlsMode.DISABLE),
            database=self.server.database or None,
            timeouts=Timeouts(5, 30, 60),
        )

    def work(self, category: SyncCategory, **more: Any) -> list[InstanceWork]:
        session_id = str(uuid4())
        new = NewSession(session_id, SyncType.MANUAL_TASK, category, "job", session_id)
        instances = self.store.registry.instances()
        self.store.sessions.open(new, instances, now())
        return [InstanceWork(item, session_id, session_id, category, **more) for item in instances]

    def sync(self, work: InstanceWork) -> str:
        """Sync one instance and return how its record ended."""
        try:
            return str(SYNC[work.category](self.deps, work).status)
        except SyncError as error:
            return error.kind

    def record(self, work: InstanceWork) -> InstanceRecord:
        records = self.store.sessions.records(work.session_id)
        return next(item for item in records if item.instance_id == work.instance.id)

    @contextmanager
    def all_taken(self) -> Iterator[None]:
        limits = limits_of(self.settings, self.store.registry.instances()[0])
        with Slots(self.settings.home / "limits").held(limits, 1000, 0):
            yield


@pytest.fixture
def host_of(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    opened: list[Host] = []

    def make(server: RunningServer, **settings: Any) -> Host:
        opened.append(Host(server, tmp_path / "home", **settings))
        return opened[-1]

    yield make
    for host in opened:
        host.store.close()


@contextmanager
def watched(server: RunningServer) -> Iterator[list[int]]:
    """Count the connections of the syncs, as the server itself counts them, again and again."""
    counts: list[int] = []
    is_over = threading.Event()

    def look() -> None:
        with psycopg.connect(
            host=server.host,
            port=server.port,
            user=server.admin_user,
            password=server.admin_password,
            dbname=server.database,
            autocommit=True,
        ) as connection:
            while not is_over.is_set():
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                ).fetchone()
                counts.append(row[0] if row else 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counts
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("category", [ACCOUNT, CAPACITY])
def test_a_host_never_has_more_connections_than_its_limit(
    host_of: Callable[..., Host], postgresql_server: RunningServer, category: SyncCategory
) -> None:
    host = host_of(postgresql_server, names=8, connections_per_host=2)
    with watched(postgresql_server) as counts, ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(host.sync, host.work(category)))
    assert ends == ["completed"] * 8
    assert max(counts) >= 2
    # A connection that was closed stays in the view for the moment that its process takes
    # to go, beside the next one of its slot.
    assert max(counts) <= 4, counts
    assert sum(count > 2 for count in counts) <= len(counts) // 10, counts


@pytest.mark.parametrize("server", ["postgresql_server", "mariadb_server"])
@pytest.mark.parametrize("category", [ACCOUNT, CAPACITY])
def test_an_engine_opens_as_many_connections_at_once_as_it_says(
    host_of: Callable[..., Host],
    category: SyncCategory,
    server: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running: RunningServer = request.getfixturevalue(server)
    engine = ENGINES[running.engine]
    is_open: set[int] = set()
    most: list[int] = []
    real = type(engine).connect

    def counted(self: Any, *arguments: Any) -> Connection:
        connection = real(self, *arguments)
        is_open.add(id(connection))
        most.append(len(is_open))
        close = connection.close

        def closed() -> None:
            is_open.discard(id(connection))
            close()

        monkeypatch.setattr(connection, "close", closed, raising=False)
        return connection

    monkeypatch.setattr(type(engine), "connect", counted)
    host = host_of(running)
    assert host.sync(host.work(category)[0]) == "completed"
    assert max(most) == (engine.size_connections if category is CAPACITY else 1)


def test_a_limit_of_one_lets_every_sync_through(
    host_of: Callable[..., Host], postgresql_server: RunningServer
) -> None:
    one = {"connections_per_host": 1, "connections_in_all": 1, "connections_per_credential": 1}
    host = host_of(postgresql_server, names=3, **one)
    work = [*host.work(ACCOUNT), *host.work(CAPACITY)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(host.sync, work)) == ["completed"] * 6


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("connections_per_host", "No connection to 127.0.0.1 was free within 0.2 seconds"),
        ("connections_per_credential", "No connection with the credential admin was free"),
        ("connections_in_all", "No connection from this machine was free"),
    ],
)
def test_a_wait_that_is_too_long_is_an_error_that_a_retry_can_help(
    host_of: Callable[..., Host], postgresql_server: RunningServer, limit: str, said: str
) -> None:
    settings = {"connections_per_host": 0, "connections_in_all": 0, limit: 3}
    host = host_of(postgresql_server, connection_wait_seconds=0.2, **settings)
    (work,) = host.work(ACCOUNT)
    with host.all_taken(), pytest.raises(ConnectionLimit, match=f"i0: {said}") as caught:
        sync_instance_accounts(host.deps, work)
    assert caught.value.retryable
    assert "all 3 are taken" in str(caught.value)
    assert f"SYNC_PIPELINE_{limit.upper()}" in str(caught.value)
    record = host.record(work)
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "connection_limit")
    assert host.store.streaks.all() == []
    assert host.sync(host.work(ACCOUNT)[0]) == "completed"


def test_waiting_does_not_eat_the_instance_s_own_time(
    host_of: Callable[..., Host],
    postgresql_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = host_of(postgresql_server, connections_per_host=1)
    given: list[tuple[float, float]] = []
    real = connect.Deadline.__init__

    def noted(self: connect.Deadline, seconds: float, **more: Any) -> None:
        given.append((seconds, time.monotonic()))
        real(self, seconds, **more)

    monkeypatch.setattr(connect.Deadline, "__init__", noted)
    (work,) = host.work(ACCOUNT)
    with ThreadPoolExecutor(1) as pool:
        with host.all_taken():
            end = pool.submit(host.sync, work)
            time.sleep(2)
            freed_at = time.monotonic()
        assert end.result(30) == "completed"
    ((seconds, began_at),) = given
    assert seconds == 60
    assert began_at > freed_at
    timings = host.record(work).details["timings"]
    # The thread that waits begins some moments after it is told to.
    assert timings["wait_seconds"] > 1
    assert timings["connect_seconds"] < 1


def test_a_probe_keeps_to_the_limits(
    host_of: Callable[..., Host], postgresql_server: RunningServer
) -> None:
    host = host_of(postgresql_server, connection_wait_seconds=0.1, connections_per_host=1)
    instance = host.store.registry.instances()[0]
    with host.all_taken():
        probe = probe_instance(host.deps, instance)
    assert "No connection to 127.0.0.1 was free" in (probe.error or "")
    assert probe_instance(host.deps, instance).error is None


def test_what_begins_after_the_run_s_deadline_does_not_connect(
    host_of: Callable[..., Host], postgresql_server: RunningServer
) -> None:
    host = host_of(postgresql_server)
    ends_at = now() - timedelta(seconds=1)
    (work,) = host.work(ACCOUNT, ends_at=ends_at, will_retry=True)
    unreachable = replace(work, instance=replace(work.instance, port=free_port()))
    with pytest.raises(RunDeadline) as caught:
        sync_instance_accounts(host.deps, unreachable)
    assert not caught.value.retryable
    record = host.record(work)
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "deadline")
    assert "i0: The run's deadline passed before the work on this instance had begun" in (
        record.error_message or ""
    )
    assert host.store.streaks.all() == []


def test_a_run_s_deadline_ends_the_wait_for_a_connection(
    host_of: Callable[..., Host], postgresql_server: RunningServer
) -> None:
    host = host_of(postgresql_server, connections_per_host=1)
    (work,) = host.work(ACCOUNT, ends_at=now() + timedelta(seconds=0.5))
    began = now()
    with host.all_taken():
        assert host.sync(work) == "deadline"
    assert now() - began < timedelta(seconds=10)


def test_a_run_s_deadline_ends_what_is_under_way(
    host_of: Callable[..., Host], postgresql_server: RunningServer
) -> None:
    host = host_of(postgresql_server)
    (work,) = host.work(ACCOUNT, ends_at=now() + timedelta(seconds=1.5), will_retry=True)
    began = now()
    with held(postgresql_server, "pg_parameter_acl"):  # read beside the accounts, not by database
        assert host.sync(work) == "deadline"
    assert now() - began < timedelta(seconds=15)
    record = host.record(work)
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "deadline")
    assert host.store.streaks.all() == []


def test_a_failure_that_no_time_is_left_to_retry_stays_on_record(
    host_of: Callable[..., Host], postgresql_server: RunningServer
) -> None:
    """A retry that comes too late would only say that it came too late."""
    host = host_of(postgresql_server)
    for seconds, status in ((5, RecordStatus.FAILED), (60, RecordStatus.PENDING)):
        ends_at = now() + timedelta(seconds=seconds)
        (work,) = host.work(ACCOUNT, ends_at=ends_at, will_retry=True, retry_seconds=10)
        refused = replace(work, instance=replace(work.instance, port=free_port()))
        with pytest.raises(ConnectError) as caught:
            sync_instance_accounts(host.deps, refused)
        assert caught.value.retryable == (status is RecordStatus.PENDING)
        record = host.record(work)
        assert (record.status, record.error_kind) == (status, "connect")
    # What is tried again is not counted as a failure yet.
    assert [item.failures for item in host.store.streaks.all()] == [1]
