"""Passwords that are changed while a run reads: no account is locked, and no secret gets out.

PostgreSQL, MariaDB and MySQL are real and count what they reject themselves. The places are Vault,
as a server of ours that speaks its interface, and AWS Secrets Manager, which is moto's.
"""

from __future__ import annotations

import base64
import logging
import random
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pymysql
import pytest
from dagster import execute_job
from moto.server import ThreadedMotoServer
from psycopg import sql

from sync_pipeline.engines.base import Connection, Engine, Target
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.engines.postgresql.wire import connection as postgresql_wire
from sync_pipeline.errors import AuthenticationError
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import InstanceRecord, RecordStatus
from sync_pipeline.orchestration.instance import open_instance
from workbench.fleet.worker import account_sync
from workbench.running.system import Fleet, environment_of, in_environment, wait_for
from workbench.servers import debian, mariadb, postgresql
from workbench.servers.fixtures_postgresql import WHEEL_MAJORS
from workbench.servers.mysql_faults import authority
from workbench.servers.running import RunningServer
from workbench.servers.secret_places import FakeVault, vault

DEBIANS = 15
DATABASES = ("first", "second")
FEW = 3
"""So many wrong passwords in a row, and MariaDB and MySQL admit the account no more."""
LOCKING = f"FAILED_LOGIN_ATTEMPTS {FEW} PASSWORD_LOCK_TIME UNBOUNDED"
ALL = 6
MANY_CONNECTIONS = frozenset({EngineName.POSTGRESQL})
"""One for each database."""
RELOAD = sql.SQL("SELECT pg_reload_conf()")


@dataclass(frozen=True)
class Servers:
    """A server of each kind that asks for passwords, and writes down which it rejected."""

    postgresql: RunningServer
    mariadb: RunningServer
    mysql: Callable[[], RunningServer]

    def of(self, engine: EngineName) -> RunningServer:
        if engine is EngineName.MYSQL:
            return self.mysql()
        return self.postgresql if engine is EngineName.POSTGRESQL else self.mariadb

    def rejected(self, engine: EngineName, account: str) -> int:
        """Return how often a server rejected the password of an account."""
        directory = self.of(engine).directory
        if engine is EngineName.POSTGRESQL:
            return rejected_by_postgresql(self.postgresql, account)
        text = directory.with_name(f"{directory.name}.log").read_text(errors="replace")
        return len(re.findall(f"Access denied for user '{account}'@'[^']*' \\(using", text))


def rejected_by_postgresql(server: RunningServer, account: str) -> int:
    text = (server.directory / "server.log").read_text(errors="replace")
    return len(re.findall(f'authentication failed for user "{account}"', text))


def as_postgres(server: RunningServer, statement: sql.Composed | sql.SQL) -> None:
    where = f"host={server.host} port={server.port} user={server.admin_user} dbname=postgres"
    with psycopg.connect(where, autocommit=True) as link:
        link.execute(statement)


def as_root(server: RunningServer, *statements: str) -> None:
    with (
        pymysql.connect(host=server.host, port=server.port, user="root") as link,
        link.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    found = mariadb.installation()
    if found is None:
        pytest.fail("MariaDB is not installed: apt-get install mariadb-server")
    options = (f"--max-password-errors={FEW}", "--log-warnings=2")
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("rotated")
        installation = postgresql.obtain(max(WHEEL_MAJORS))
        first = stack.enter_context(postgresql.run_postgresql(installation, directory / "pg"))
        second = stack.enter_context(mariadb.run_mariadb(found, directory / "mariadb", options))
        asking(first)
        for name in DATABASES:
            as_postgres(first, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield Servers(first, second, lambda: request.getfixturevalue("told_mysql"))


@pytest.fixture(scope="module")
def told_mysql(mysql_server: RunningServer) -> Iterator[RunningServer]:
    """Return MySQL, which writes down whom it rejects where it is told to write notes."""
    as_root(mysql_server, "SET GLOBAL log_error_verbosity = 3")
    yield mysql_server
    as_root(mysql_server, "SET GLOBAL log_error_verbosity = DEFAULT")


def asking(server: RunningServer) -> None:
    """Let all but its own user say a password."""
    (server.directory / "data" / "pg_hba.conf").write_text(
        "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    as_postgres(server, RELOAD)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    with vault() as made:
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{made.port}")
        monkeypatch.setenv("VAULT_TOKEN", "root")
        yield made


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "of-the-machine"),
        ("AWS_REGION", "eu-central-1"),
    ):
        monkeypatch.setenv(name, value)
    client = boto3.session.Session(region_name="eu-central-1").client("secretsmanager")
    yield client
    client.close()
    server.stop()


def made_secret() -> str:
    return f"rotated-{secrets.token_hex(12)}"


@dataclass
class Account:
    """The monitoring account of one instance: on its server, and in its place."""

    name: str
    engine: EngineName
    servers: Servers
    keep: Callable[[str], None]
    reference: str
    secret: str = field(default_factory=made_secret)
    next: str = field(default_factory=made_secret)

    def begin(self) -> None:
        server = self.servers.of(self.engine)
        if self.engine is EngineName.POSTGRESQL:
            self._alter("CREATE ROLE {} LOGIN IN ROLE pg_monitor PASSWORD {}", self.secret)
        else:
            locking = LOCKING if self.engine is EngineName.MYSQL else ""
            create = f"CREATE USER {self.user} IDENTIFIED BY '{self.secret}' {locking}"
            as_root(server, create, f"GRANT SELECT, PROCESS, SHOW DATABASES ON *.* TO {self.user}")
        self.keep(self.secret)

    def end(self) -> None:
        if self.engine is EngineName.POSTGRESQL:
            drop = sql.SQL("DROP ROLE {}").format(sql.Identifier(self.name))
            as_postgres(self.servers.postgresql, drop)
        else:
            self.as_root(f"DROP USER {self.user}")

    def on_the_server(self) -> None:
        if self.engine is EngineName.POSTGRESQL:
            self._alter("ALTER ROLE {} PASSWORD {}", self.next)
        else:
            self.as_root(f"ALTER USER {self.user} IDENTIFIED BY '{self.next}'")

    def in_the_place(self) -> None:
        self.keep(self.next)

    @property
    def user(self) -> str:
        """The account as MariaDB and MySQL name it."""
        return f"'{self.name}'@'127.0.0.1'"

    def as_root(self, *statements: str) -> None:
        as_root(self.servers.of(self.engine), *statements)

    @property
    def rejected(self) -> int:
        return self.servers.rejected(self.engine, self.name)

    def _alter(self, text: str, secret: str) -> None:
        statement = sql.SQL(text).format(sql.Identifier(self.name), sql.Literal(secret))
        as_postgres(self.servers.postgresql, statement)


@dataclass
class Moments:
    """What is done before which connection of an instance, each once."""

    planned: dict[tuple[str, int], list[Callable[[], None]]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    processes: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, name: str, connection: int, *work: Callable[[], None]) -> None:
        self.planned.setdefault((name, connection), []).extend(work)

    def begin(self) -> None:
        self.seen.clear()
        self.planned.clear()

    def come(self, name: str) -> None:
        with self._lock:
            number = self.seen[name] = self.seen.get(name, 0) + 1
            due = self.planned.pop((name, number), [])
        for work in due:
            work()
        self.processes |= set(command_lines())


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    made = Moments()

    def told(kind: type[PostgreSql | MariaDb | MySql]) -> None:
        real = kind.connect

        def connect(self: Engine, target: Target, database: str | None = None) -> Connection:
            made.come(target.instance.name)
            return real(self, target, database)  # type: ignore[arg-type]

        monkeypatch.setattr(kind, "connect", connect)

    told(PostgreSql)
    told(MariaDb)
    told(MySql)
    return made


@dataclass
class Rotated:
    """A fleet whose secrets are elsewhere, half of them in each place."""

    fleet: Fleet
    servers: Servers
    vault: FakeVault
    aws: Any
    accounts: dict[str, Account] = field(default_factory=dict)

    def add(self, engine: EngineName, number: int) -> Account:
        name = f"mon_{engine}_{number}_{secrets.token_hex(3)}"
        if number % 2:
            keep, reference = self._in_vault(name), f"vault:secret/data/{name}"
        else:
            self.aws.create_secret(Name=name, SecretString="none yet")
            keep, reference = self._in_aws(name), f"aws-secret:{name}"
        made = self.accounts[name] = Account(name, engine, self.servers, keep, reference)
        made.begin()
        server, now = self.servers.of(engine), datetime.now(UTC)
        registry = self.fleet.store.registry
        registry.put_credential(StoredCredential(name, name, reference), now)
        instance = Instance(
            id=0,
            name=name,
            engine=engine,
            host=server.host,
            port=server.port,
            credential=name,
            # Over it MySQL has the password itself; else a form that only a name of ours permits.
            tls=TlsOptions(TlsMode.REQUIRE if engine is EngineName.MYSQL else TlsMode.DISABLE),
            database=server.database or None,
            timeouts=Timeouts(connect_seconds=20, statement_seconds=60, total_seconds=120),
        )
        registry.put_instances([instance], now)
        return made

    def _in_vault(self, name: str) -> Callable[[str], None]:
        return lambda secret: self.vault.kv.__setitem__(f"secret/data/{name}", {"password": secret})

    def _in_aws(self, name: str) -> Callable[[str], None]:
        return lambda secret: self.aws.put_secret_value(SecretId=name, SecretString=secret)

    def run(self, *names: str) -> dict[str, InstanceRecord]:
        """Carry out a run, its steps in threads; every record of it has ended truly."""
        config = {"ops": {"select_instances": {"config": {"instances": list(names)}}}}
        with (
            open_instance() as instance,
            execute_job(
                account_sync(), instance, run_config=config, raise_on_error=False
            ) as result,
        ):
            session = self.fleet.ended_session(result.run_id, 5)
        records = self.fleet.store.sessions.records(session.session_id)
        return {item.instance_name: item for item in records}


@pytest.fixture
def rotated(tmp_path: Path, servers: Servers, place: FakeVault, aws: Any) -> Iterator[Rotated]:
    home = tmp_path / "home"
    home.mkdir()
    settings = {"step_concurrency": 4, "retry_limit": 2, "retry_base_seconds": 0.1}
    environment = environment_of(home, connections_per_host=0, **settings)
    with in_environment(environment):
        made = Rotated(Fleet(home), servers, place, aws)
        yield made
        made.fleet.store.close()
        for account in made.accounts.values():
            account.end()


def assert_nowhere(home: Path, elsewhere: bytes, *found: str) -> None:
    """Fail where a secret, or what it is in base 64, stands in a file of the home or elsewhere."""
    forms = [form for item in found for form in (item.encode(), base64.b64encode(item.encode()))]
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [form for form in forms if form in data], path
    assert not [form for form in forms if form in elsewhere]


def planned(
    accounts: list[Account], moments: Moments, chosen: random.Random
) -> dict[str, Callable[[], None]]:
    """Plan a rotation of each account: here first or there, before whatever connection.

    Return what is done at the same moment for some, and for these after the run only.
    """
    connections = dict(moments.seen)
    moments.begin()
    late: dict[str, Callable[[], None]] = {}
    for account in accounts:
        first, second = chosen.sample([account.on_the_server, account.in_the_place], 2)
        at = chosen.randint(1, connections[account.name])
        moments.plan(account.name, at, first)
        if chosen.random() < 0.5:
            moments.plan(account.name, at, second)
        else:
            late[account.name] = second
    return late


@pytest.mark.parametrize(
    ("seed", "kinds"),
    [
        (0, (EngineName.POSTGRESQL, EngineName.MARIADB)),
        (1, (EngineName.POSTGRESQL, EngineName.MARIADB, EngineName.MYSQL)),
    ],
)
def test_a_rotation_in_the_middle_of_a_run_locks_nobody_out_and_tells_nobody(
    rotated: Rotated,
    moments: Moments,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    seed: int,
    kinds: tuple[EngineName, ...],
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "sync_pipeline")
    accounts = [rotated.add(kind, number) for kind in kinds for number in range(ALL // len(kinds))]
    by_name = {item.name: item for item in accounts}
    assert {item.status for item in rotated.run().values()} == {RecordStatus.COMPLETED}
    for item in accounts:
        assert (moments.seen[item.name] > len(DATABASES)) is (item.engine in MANY_CONNECTIONS), item
    late = planned(accounts, moments, random.Random(seed))
    early = {name for name, second in late.items() if second == by_name[name].on_the_server}
    # Whatever has its new secret in its place by then is read.
    ran = rotated.run()
    for name, record in ran.items():
        if record.status is RecordStatus.FAILED:
            assert name in late.keys() - early
            assert (record.error_kind, by_name[name].rejected) == ("authentication", 1)
    # What is the same as what was rejected is not sent; what comes too early is, once.
    waited = rotated.run()
    assert {name for name, it in waited.items() if it.status is RecordStatus.FAILED} == set(late)
    assert [by_name[name].rejected for name in late] == [1] * len(late)
    for second in late.values():
        second()
    done = rotated.run()
    assert {name for name, it in done.items() if it.error_kind == "known_rejection"} == early
    assert {name for name, it in done.items() if it.status is RecordStatus.FAILED} == early
    if early:
        by_hand = rotated.run(*early)
        assert {item.status for item in by_hand.values()} == {RecordStatus.COMPLETED}
    assert max(account.rejected for account in accounts) == 1
    printed = capfd.readouterr()
    elsewhere = "\n".join([caplog.text, printed.out, printed.err]).encode()
    every = (secret for account in accounts for secret in (account.secret, account.next))
    assert_nowhere(rotated.fleet.home, elsewhere + b"\n".join(moments.processes), *every)


def test_a_rotation_between_two_databases_costs_a_second_reading(
    rotated: Rotated, moments: Moments
) -> None:
    account = rotated.add(EngineName.POSTGRESQL, 1)
    moments.plan(account.name, 3, account.on_the_server, account.in_the_place)
    record = rotated.run()[account.name]
    assert (record.status, account.rejected) == (RecordStatus.COMPLETED, 1)
    whole = moments.seen[account.name]
    assert not record.details.get("warnings")
    moments.begin()
    assert rotated.run()[account.name].status is RecordStatus.COMPLETED
    assert whole == 3 + moments.seen[account.name]


@pytest.mark.parametrize("engine", [EngineName.POSTGRESQL, EngineName.MARIADB, EngineName.MYSQL])
def test_a_place_that_is_away_is_no_reason_to_send_what_was_rejected_again(
    rotated: Rotated, moments: Moments, engine: EngineName
) -> None:
    account = rotated.add(engine, 1)
    account.on_the_server()
    moments.plan(account.name, 1, lambda: setattr(rotated.vault, "status", 503))
    record = rotated.run()[account.name]
    assert (record.error_kind, account.rejected) == ("authentication", 1)
    assert "Whether there is another: Vault did not give" in (record.error_message or "")
    rotated.vault.status = 0
    assert rotated.run()[account.name].error_kind == "known_rejection"
    account.in_the_place()
    assert rotated.run()[account.name].status is RecordStatus.COMPLETED
    assert account.rejected == 1


def test_a_second_password_makes_the_order_of_no_matter(rotated: Rotated, moments: Moments) -> None:
    """MySQL's dual passwords: the old one is good until it is discarded."""
    account = rotated.add(EngineName.MYSQL, 1)
    retain = f"ALTER USER {account.user} IDENTIFIED BY '{account.next}' RETAIN CURRENT PASSWORD"
    moments.plan(account.name, 1, lambda: account.as_root(retain))
    assert rotated.run()[account.name].status is RecordStatus.COMPLETED
    account.in_the_place()
    moments.begin()
    discard = f"ALTER USER {account.user} DISCARD OLD PASSWORD"
    moments.plan(account.name, 1, lambda: account.as_root(discard))
    assert rotated.run()[account.name].status is RecordStatus.COMPLETED
    assert account.rejected == 0


def test_an_account_that_others_locked_is_tried_by_each_run(rotated: Rotated) -> None:
    """The secret is right, and a server that has locked an account does not compare it."""
    account = rotated.add(EngineName.MYSQL, 1)
    server = rotated.servers.of(EngineName.MYSQL)
    for _ in range(FEW):
        with pytest.raises(pymysql.OperationalError):
            pymysql.connect(
                host=server.host, port=server.port, user=account.name, password="guessed"
            )
    record = rotated.run()[account.name]
    assert (record.error_kind, account.rejected) == ("authentication", FEW - 1)
    assert "ACCOUNT UNLOCK" in (record.error_message or "")
    account.as_root(f"ALTER USER {account.user} ACCOUNT UNLOCK")
    assert rotated.run()[account.name].status is RecordStatus.COMPLETED


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Return a PostgreSQL with TLS, which that of the wheel has not."""
    try:
        found = postgresql.obtain(DEBIANS)
    except debian.Unavailable as error:
        pytest.skip(f"PostgreSQL {DEBIANS} is not available: {error}")
    with postgresql.run_postgresql(found, tmp_path_factory.mktemp("tls") / "pg") as server:
        data = server.directory / "data"
        signed = authority(server.directory / "ca", server.host)
        for name, source in (("server.crt", signed.certificate), ("server.key", signed.key)):
            shutil.copyfile(source, data / name)
            shutil.chown(data / name, data.owner(), data.group())
            (data / name).chmod(0o600)
        as_postgres(server, sql.SQL("ALTER SYSTEM SET ssl = on"))
        asking(server)
        yield server


def preferring(server: RunningServer, mode: TlsMode, username: str) -> Target:
    instance = Instance(
        id=1,
        name="it",
        engine=EngineName.POSTGRESQL,
        host=server.host,
        port=server.port,
        credential="c",
        tls=TlsOptions(mode),
        database="postgres",
    )
    return Target(instance, username, Secret("wrong"), 5)


@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE, TlsMode.DISABLE])
def test_a_wrong_password_is_sent_once_whatever_the_addresses_and_tls(
    with_tls: RunningServer, monkeypatch: pytest.MonkeyPatch, mode: TlsMode
) -> None:
    addresses = [{"hostaddr": with_tls.host}] * 3
    monkeypatch.setattr(postgresql_wire, "_addresses", lambda _target: addresses)
    name = f"nobody_{mode}"
    with pytest.raises(AuthenticationError):
        PostgreSql().connect(preferring(with_tls, mode, name))
    assert rejected_by_postgresql(with_tls, name) == 1


def let_in(target: Target) -> Connection | None:
    try:
        return PostgreSql().connect(target)
    except AuthenticationError:
        return None


@pytest.mark.parametrize("line", ["hostnossl", "hostssl"])
def test_what_prefers_tls_does_without_where_it_must(with_tls: RunningServer, line: str) -> None:
    path = with_tls.directory / "data" / "pg_hba.conf"
    before = path.read_text()
    as_postgres(with_tls, sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(f"of_{line}")))
    path.write_text(f"{line} all of_{line} all trust\nhost all of_{line} all reject\n{before}")
    as_postgres(with_tls, RELOAD)
    try:
        target = preferring(with_tls, TlsMode.PREFER, f"of_{line}")
        link = wait_for(lambda: let_in(target), 10, "the new line")
        assert bool(PostgreSql().identify(link).tls) is (line == "hostssl")
        link.close()
    finally:
        path.write_text(before)
        as_postgres(with_tls, RELOAD)


def test_what_prefers_tls_does_without_where_there_is_none(
    postgresql_server: RunningServer,
) -> None:
    target = preferring(postgresql_server, TlsMode.PREFER, postgresql_server.admin_user)
    PostgreSql().connect(target).close()
