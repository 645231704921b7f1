"""The account sync of one instance, against real servers and a real store."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import psycopg
import pymysql
import pytest

from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    KnownRejection,
    MemoryExhausted,
    StaleClaim,
    SuspiciousSnapshot,
    SyncError,
)
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.inventory import AccountFilter, ChangeFilter
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import (
    InstanceRecord,
    NewSession,
    RecordStatus,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.history import accounts_at
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import (
    AccountSyncReport,
    sync_instance_accounts,
)
from sync_pipeline.workflows.syncing.admission import admit
from sync_pipeline.workflows.syncing.probe import probe_instance
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from sync_pipeline.workflows.syncing.target import target_of
from workbench.servers.running import RunningServer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


class Bench:
    """A store with one PostgreSQL instance, and the ways a test drives it."""

    def __init__(self, server: RunningServer, home: Path) -> None:
        self.server = server
        self.clock = Clock()
        self.settings = Settings(home=home)
        self.store = Store.open(self.settings.effective_store_url)
        self.deps = SyncDeps(self.store, SecretVault.open(self.settings), self.settings, self.clock)
        self.put_password(server.admin_password)
        self.put(self.unregistered())

    def unregistered(self) -> Instance:
        return Instance(
            id=0,
            name="billing",
            engine=self.server.engine,
            host=self.server.host,
            port=self.server.port,
            credential="admin",
            tls=TlsOptions(TlsMode.DISABLE),
            database=self.server.database or None,
        )

    def put(self, instance: Instance) -> None:
        self.store.registry.put_instances([instance], self.clock())

    def put_password(self, password: str) -> None:
        credential = StoredCredential(
            "admin", self.server.admin_user, self.deps.vault.seal(Secret(password))
        )
        self.store.registry.put_credential(credential, self.clock())

    @property
    def instance(self) -> Instance:
        found = self.store.registry.instance("billing")
        assert found is not None
        return found

    def open(self) -> str:
        session_id = str(uuid4())
        new = NewSession(
            session_id, SyncType.MANUAL_TASK, SyncCategory.ACCOUNT, "account_sync", session_id
        )
        self.store.sessions.open(new, [self.instance], self.clock())
        return session_id

    def sync(
        self,
        session_id: str | None = None,
        *,
        is_forced: bool = False,
        will_retry: bool = False,
        was_rejected: bool = False,
    ) -> AccountSyncReport:
        self.clock.pass_minutes(30)
        work = self.work(session_id or self.open(), will_retry=will_retry)
        work = replace(work, was_rejected=was_rejected)
        return sync_instance_accounts(self.deps, work, is_forced=is_forced)

    def work(self, session_id: str, *, will_retry: bool = False) -> InstanceWork:
        return InstanceWork(
            self.instance, session_id, session_id, SyncCategory.ACCOUNT, will_retry=will_retry
        )

    def record(self, session_id: str) -> InstanceRecord:
        (record,) = self.store.sessions.records(session_id)
        return record

    def sql(self, *statements: str) -> None:
        with psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            user=self.server.admin_user,
            password=self.server.admin_password,
            dbname=self.server.database,
            autocommit=True,
        ) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]


@pytest.fixture
def bench(postgresql_server: RunningServer, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(postgresql_server, tmp_path)
    yield bench
    bench.store.close()
    with psycopg.connect(
        host=postgresql_server.host,
        port=postgresql_server.port,
        user=postgresql_server.admin_user,
        password=postgresql_server.admin_password,
        dbname=postgresql_server.database,
        autocommit=True,
    ) as connection:
        names = connection.execute(
            "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE 'wf\\_%'"
        ).fetchall()
        for (name,) in names:
            connection.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type]
            connection.execute(f"DROP ROLE {name}")  # type: ignore[arg-type]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_the_mode_prefer_is_warned_of(bench: Bench) -> None:
    bench.put(replace(bench.instance, tls=TlsOptions(TlsMode.PREFER)))
    session_id = bench.open()
    bench.sync(session_id)
    (warning,) = bench.record(session_id).details["warnings"]
    for mode in ("require", "disable"):
        assert f"sync-pipeline instances edit billing --tls {mode}" in warning
    bench.put(replace(bench.instance, tls=TlsOptions(TlsMode.DISABLE)))
    assert bench.sync().warnings == ()


def test_a_setting_reaches_the_driver_of_the_instances_it_names(bench: Bench) -> None:
    def options(**values: object) -> object:
        settings = bench.deps.settings.model_copy(update=values)
        return target_of(replace(bench.deps, settings=settings), bench.instance).options

    assert options() == {}
    assert options(readable_passwords=("shop", "bill%")) == {"readable_passwords": "yes"}
    assert options(readable_passwords=("shop", "bill")) == {}
    assert options(sqlserver_strict=("shop", "bill%")) == {"sqlserver_strict": "yes"}
    assert options(sqlserver_strict=("shop", "bill")) == {}
    assert options(sqlserver_integrated=("bill%",)) == {"sqlserver_integrated": "yes"}
    assert options(sqlserver_entra=("bill%",)) == {"sqlserver_entra": "service-principal"}
    assert options(relaxed_certificates=True) == {"relaxed_certificates": "yes"}


def test_the_whole_life_of_an_account(bench: Bench) -> None:
    bench.sql("CREATE ROLE wf_app LOGIN")
    first = bench.sync()
    assert first.status is RecordStatus.COMPLETED
    seen = bench.clock.now

    bench.sql("GRANT pg_monitor TO wf_app", "ALTER ROLE wf_app CREATEDB")
    bench.sync()
    granted = bench.clock.now

    bench.sql("DROP ROLE wf_app")
    bench.sync()
    dropped = bench.clock.now

    bench.sql("CREATE ROLE wf_app LOGIN")
    report = bench.sync()
    assert report.counters.items_deleted == 0

    log = bench.store.accounts.changes(ChangeFilter(account="wf_app", oldest_first=True))
    assert [entry.change.change_type for entry in log] == [
        ChangeType.ADD,
        ChangeType.MODIFY_PRIVILEGE,
        ChangeType.MODIFY_OTHER,
        ChangeType.REMOVE,
        ChangeType.REACTIVATE,
    ]
    assert any("granted role pg_monitor" in line for line in log[1].change.lines)
    assert any("it held role pg_monitor" in line for line in log[3].change.lines)
    assert any("revoked role pg_monitor" in line for line in log[4].change.lines)

    def at(when: datetime) -> tuple[bool, set[str]]:
        (found,) = [a for a in accounts_at(bench.store, when) if a.state.name == "wf_app"]
        return found.is_active, {m.role for m in found.state.memberships}

    assert at(seen) == (True, set())
    assert at(granted) == (True, {"pg_monitor"})
    assert at(dropped) == (False, {"pg_monitor"})
    assert at(bench.clock.now) == (True, set())
    assert accounts_at(bench.store, START) == ()


def test_replay_of_the_log_equals_what_the_store_holds(bench: Bench) -> None:
    bench.sql("CREATE ROLE wf_a", "CREATE ROLE wf_b LOGIN", "GRANT wf_a TO wf_b")
    bench.sync()
    bench.sql("DROP ROLE wf_a", "ALTER ROLE wf_b CONNECTION LIMIT 3")
    bench.sync()
    stored = {
        (view.state.name, view.is_active, view.state.fingerprint)
        for view in bench.store.accounts.find(AccountFilter(only_active=False))
    }
    replayed = {
        (account.state.name, account.is_active, account.state.fingerprint)
        for account in accounts_at(bench.store, bench.clock.now)
    }
    assert replayed == stored


def test_finding_nothing_to_change_is_a_success(bench: Bench) -> None:
    bench.sync()
    session_id = bench.open()
    report = bench.sync(session_id)
    record = bench.record(session_id)
    session = bench.store.sessions.get(session_id)
    assert report.changes == ()
    assert (record.status, record.counters.items_synced) == (RecordStatus.COMPLETED, 0)
    assert record.details["permissions"]["unchanged"] > 0
    assert session is not None
    assert session.status is SessionStatus.COMPLETED


def test_counters_have_the_meaning_of_the_account_category(bench: Bench) -> None:
    bench.sync()
    bench.sql("CREATE ROLE wf_new", "CREATE ROLE wf_other")
    bench.sync()
    bench.sql("DROP ROLE wf_new", "ALTER ROLE wf_other LOGIN", "CREATE ROLE wf_third")
    counters = bench.sync().counters
    assert (counters.items_created, counters.items_updated) == (1, 1)
    assert (counters.items_synced, counters.items_deleted) == (2, 1)


@pytest.mark.parametrize("will_retry", [False, True])
def test_a_closed_port_is_recorded(bench: Bench, closed_port: int, will_retry: bool) -> None:
    bench.put(replace(bench.instance, port=closed_port))
    session_id = bench.open()
    with pytest.raises(ConnectError, match="billing"):
        bench.sync(session_id, will_retry=will_retry)
    record = bench.record(session_id)
    assert record.status is (RecordStatus.PENDING if will_retry else RecordStatus.FAILED)
    assert record.error_kind == "connect"
    assert "billing" in (record.error_message or "")


def test_what_a_sync_reads_counts_in_what_all_may_hold(bench: Bench) -> None:
    bench.deps = replace(bench.deps, settings=Settings(home=bench.settings.home, max_run_bytes=99))
    session_id = bench.open()
    with pytest.raises(MemoryExhausted, match="of the 99 bytes"):
        bench.sync(session_id)
    assert bench.record(session_id).error_kind == "memory"
    assert bench.deps.memory.held_bytes == 0


def test_a_wrong_engine_is_recorded(bench: Bench) -> None:
    """A MySQL client and a PostgreSQL server each wait for the other to speak first."""
    wrong = replace(bench.instance, engine=EngineName.MYSQL, timeouts=Timeouts(connect_seconds=2))
    bench.put(wrong)
    session_id = bench.open()
    with pytest.raises(SyncError, match="billing"):
        bench.sync(session_id)
    assert bench.record(session_id).status is RecordStatus.FAILED


def test_a_missing_credential_is_recorded(bench: Bench) -> None:
    bench.put_password("env:SYNC_PIPELINE_TEST_NOT_SET")
    credential = bench.store.registry.credential("admin")
    assert credential is not None
    bench.store.registry.put_credential(
        replace(credential, secret="env:SYNC_PIPELINE_TEST_NOT_SET"), bench.clock()
    )
    session_id = bench.open()
    with pytest.raises(Exception, match="SYNC_PIPELINE_TEST_NOT_SET"):
        bench.sync(session_id)
    assert bench.record(session_id).error_kind == "configuration"


def test_an_instance_that_another_run_syncs_is_skipped(bench: Bench) -> None:
    bench.store.leases.acquire(
        bench.instance.id, SyncCategory.ACCOUNT, "other-run", 3600, bench.clock()
    )
    session_id = bench.open()
    report = bench.sync(session_id)
    record = bench.record(session_id)
    session = bench.store.sessions.get(session_id)
    assert report.status is record.status is RecordStatus.SKIPPED
    assert "other-run" in (record.error_message or "")
    assert session is not None
    assert session.status is SessionStatus.COMPLETED


def test_a_snapshot_that_loses_most_accounts_changes_nothing(bench: Bench) -> None:
    bench.sql(*(f"CREATE ROLE wf_{i}" for i in range(20)))
    bench.sync()
    bench.sql(*(f"DROP ROLE wf_{i}" for i in range(20)))
    session_id = bench.open()
    with pytest.raises(SuspiciousSnapshot, match="lacks 20 of"):
        bench.sync(session_id)
    assert bench.record(session_id).error_kind == "suspicious_snapshot"
    assert len(bench.store.accounts.find(AccountFilter(name=r"wf\_%"))) == 20
    assert bench.sync(is_forced=True).counters.items_deleted == 20


def test_a_worker_that_comes_too_late_writes_nothing(bench: Bench) -> None:
    session_id = bench.open()
    real_clock: Callable[[], datetime] = bench.deps.clock
    calls = 0

    def close_the_run_meanwhile() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 4:
            bench.store.sessions.close_run(
                session_id, session_id, SessionStatus.FAILED, "The worker died.", real_clock()
            )
        return real_clock()

    late = replace(bench.deps, clock=close_the_run_meanwhile)
    with pytest.raises(StaleClaim):
        sync_instance_accounts(late, bench.work(session_id))
    assert bench.record(session_id).status is RecordStatus.FAILED
    assert bench.store.accounts.find(AccountFilter()) == []


def test_an_excluded_account_is_left_alone(bench: Bench) -> None:
    bench.sql("CREATE ROLE wf_app")
    bench.sync()
    bench.deps = replace(
        bench.deps,
        settings=bench.settings.model_copy(update={"excluded_accounts": (r"wf\_%",)}),
    )
    bench.sql("ALTER ROLE wf_app LOGIN")
    report = bench.sync()
    assert all(change.account != "wf_app" for change in report.changes)
    view = bench.store.accounts.get("billing", "wf_app")
    assert view is not None
    assert view.is_active
    assert not view.state.can_login


@pytest.fixture
def strict(
    mariadb_server: RunningServer,
    tmp_path: Path,
    in_turn: None,
) -> Iterator[Strict]:
    """A MariaDB that wants the password `right`, and counts whom it refused."""
    with pymysql.connect(
        host=mariadb_server.host,
        port=mariadb_server.port,
        user=mariadb_server.admin_user,
        password=mariadb_server.admin_password,
        autocommit=True,
    ) as link:
        link.cursor().execute("CREATE USER wf_monitor@'%' IDENTIFIED BY 'right'")
        link.cursor().execute("GRANT SELECT ON mysql.* TO wf_monitor@'%'")
        bench = Bench(replace(mariadb_server, admin_user="wf_monitor"), tmp_path)
        yield Strict(bench, link)
        bench.store.close()
        link.cursor().execute("DROP USER wf_monitor@'%'")


@dataclass
class Strict:
    bench: Bench
    link: pymysql.Connection  # type: ignore[type-arg]

    def refused(self) -> int:
        with self.link.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")
            row = cursor.fetchone()
            assert row is not None
            return int(row[1])

    def sync_with(self, *passwords: str) -> AccountSyncReport:
        """Sync while each read of the secret finds the next password."""
        secrets = iter(passwords)
        sys.modules["in_turn"].read = lambda _: next(secrets)  # type: ignore[attr-defined]
        credential = StoredCredential("admin", "wf_monitor", "in-turn:password")
        self.bench.store.registry.put_credential(credential, self.bench.clock())
        try:
            return self.bench.sync(will_retry=True)
        finally:
            assert next(secrets, None) is None, "the secret was read less often than expected"


@pytest.fixture
def in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers secrets, as a secret manager's does."""
    info = tmp_path / "packages" / "in_turn-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: in-turn\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sync_pipeline.secrets]\nin-turn = in_turn:read\n")
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.setitem(sys.modules, "in_turn", ModuleType("in_turn"))


def test_a_rejected_password_is_tried_once(strict: Strict) -> None:
    strict.bench.put_password("wrong")
    before = strict.refused()
    session_id = strict.bench.open()
    with pytest.raises(AuthenticationError) as caught:
        strict.bench.sync(session_id, will_retry=True)
    assert not caught.value.retryable
    assert strict.bench.record(session_id).status is RecordStatus.FAILED
    assert strict.refused() == before + 1


def test_a_password_that_changed_meanwhile_is_tried_once_more(strict: Strict) -> None:
    before = strict.refused()
    report = strict.sync_with("stale", "right")
    assert report.status is RecordStatus.COMPLETED
    assert strict.refused() == before + 1


def test_no_password_is_tried_a_third_time(strict: Strict) -> None:
    before = strict.refused()
    with pytest.raises(AuthenticationError):
        strict.sync_with("stale", "wrong")
    assert strict.refused() == before + 2


def test_what_was_rejected_is_not_sent_again_for_hours(strict: Strict) -> None:
    bench, before = strict.bench, strict.refused()
    bench.put_password("wrong")
    with pytest.raises(AuthenticationError):
        bench.sync()
    session_id = bench.open()
    with pytest.raises(KnownRejection, match=r"'wf_monitor' at 2026-03-01 12:30 UTC, .*same"):
        bench.sync(session_id, was_rejected=True)
    record = bench.record(session_id)
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "known_rejection")
    assert "instances test billing" in str(record.error_message)
    assert strict.refused() == before + 1
    (streak,) = bench.store.streaks.all()
    assert (streak.failures, streak.error_kind) == (1, "authentication")
    bench.clock.pass_minutes(6 * 60)
    with pytest.raises(AuthenticationError, match="rejected the account"):
        bench.sync(was_rejected=True)
    assert strict.refused() == before + 2
    bench.put_password("right")
    assert bench.sync(was_rejected=True).status is RecordStatus.COMPLETED
    assert strict.refused() == before + 2
    assert bench.store.rejections.of(bench.instance.id) is None


def test_whoever_asks_for_it_tries_again_what_was_rejected(strict: Strict) -> None:
    bench, before = strict.bench, strict.refused()
    bench.put_password("wrong")
    with pytest.raises(AuthenticationError):
        bench.sync()
    assert probe_instance(bench.deps, bench.instance).error is not None
    assert strict.refused() == before + 2
    strict.link.cursor().execute("ALTER USER wf_monitor@'%' IDENTIFIED BY 'wrong'")
    assert probe_instance(bench.deps, bench.instance).error is None
    assert bench.sync(was_rejected=True).status is RecordStatus.COMPLETED


def test_what_was_refused_for_another_reason_is_sent_again(strict: Strict) -> None:
    """Nobody compared the secret: it is no try that a server counts."""
    bench = strict.bench
    bench.put_password("right")
    strict.link.cursor().execute("ALTER USER wf_monitor@'%' ACCOUNT LOCK")
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="locked"):
            bench.sync(was_rejected=True)
    strict.link.cursor().execute("ALTER USER wf_monitor@'%' ACCOUNT UNLOCK")
    assert bench.sync(was_rejected=True).status is RecordStatus.COMPLETED


def test_a_run_leaves_alone_what_any_category_was_rejected_for(strict: Strict) -> None:
    bench = strict.bench

    def rejected(*, always_probe: bool = False) -> frozenset[int]:
        found = admit(
            bench.deps, SyncCategory.CAPACITY, [bench.instance], always_probe=always_probe
        )
        return found.rejected

    assert rejected() == frozenset()
    bench.put_password("wrong")
    with pytest.raises(AuthenticationError):
        bench.sync()
    assert rejected() == {bench.instance.id}
    assert rejected(always_probe=True) == frozenset()
    bench.put_password("right")
    bench.sync(was_rejected=True)
    assert rejected() == frozenset()


def test_a_credential_of_nobody_is_told(bench: Bench) -> None:
    bench.put_password("x")
    credential = bench.store.registry.credential("admin")
    assert credential is not None
    bench.store.registry.put_credential(replace(credential, username=""), bench.clock())
    with pytest.raises(ConfigurationError, match="billing: Nothing says as whom"):
        bench.sync()
