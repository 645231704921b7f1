"""What goes wrong with MariaDB and MySQL alone; what all engines promise is in `test_errors.py`."""

from __future__ import annotations

import pickle
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.errors import (
    AuthenticationError,
    ConnectError,
    ConnectReason,
    QueryTimeout,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import EngineName, Timeouts
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline_tests.contract.mysql_family import Family, instance_at
from workbench.servers.mysql_faults import listener
from workbench.servers.running import RunningServer, freeze

PASSWORD = "Tr0ub4dor&3 ünï"
SHORT = Timeouts(connect_seconds=1, statement_seconds=1, total_seconds=20)
ENGINES = (MariaDb(), MySql())


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    with found.users(f"'mon'@'%' IDENTIFIED BY '{PASSWORD}'"):
        yield found


def target_at(port: int, engine: EngineName, host: str = "127.0.0.1") -> Target:
    instance = instance_at(engine, port, host=host, timeouts=SHORT)
    return Target(instance, "mon", Secret(PASSWORD), SHORT.statement_seconds)


def refusal(engine: MariaDb | MySql, target: Target) -> SyncError:
    with pytest.raises(SyncError) as caught:
        engine.connect(target)
    error = caught.value
    again = pickle.loads(pickle.dumps(error))
    for text in (str(error), repr(error), repr(error.__dict__), str(again)):
        assert PASSWORD not in text
    assert str(again) == str(error)
    assert str(error).startswith("the-instance: ")
    assert error.hint
    return error


def test_a_password_beyond_ascii_is_sent_as_the_server_stored_it(family: Family) -> None:
    family.engine.connect(family.target("mon", PASSWORD)).close()


@pytest.mark.mysql
def test_an_account_that_wrong_passwords_locked_is_locked_for_a_time(
    mysql_server: RunningServer,
) -> None:
    family = Family(mysql_server)
    limits = "FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 2"
    with family.users(f"'mon'@'%' IDENTIFIED BY '{PASSWORD}' {limits}"):
        refusal(family.engine, family.target("mon", "wrong"))
        error = refusal(family.engine, family.target("mon", PASSWORD))
    assert isinstance(error, AuthenticationError)
    assert "temporarily" in str(error)
    assert "PASSWORD_LOCK_TIME" in str(error)


@pytest.mark.mariadb
def test_an_account_with_too_many_wrong_passwords_is_blocked(mariadb_server: RunningServer) -> None:
    family = Family(mariadb_server)
    with family.users(f"'mon'@'%' IDENTIFIED BY '{PASSWORD}'"):
        before = family.rows("SELECT @@GLOBAL.max_password_errors")[0][0]
        family.run("SET GLOBAL max_password_errors = 2")
        try:
            for _ in range(3):
                refusal(family.engine, family.target("mon", "wrong"))
            error = refusal(family.engine, family.target("mon", PASSWORD))
        finally:
            family.run(f"SET GLOBAL max_password_errors = {before}", "FLUSH PRIVILEGES")
    assert isinstance(error, AuthenticationError), error
    assert "FLUSH PRIVILEGES" in str(error.hint)


def test_a_locked_account_is_an_authentication_error(family: Family) -> None:
    family.run("ALTER USER 'mon'@'%' ACCOUNT LOCK")
    error = refusal(family.engine, family.target("mon", PASSWORD))
    assert isinstance(error, AuthenticationError)
    assert "locked" in str(error)


def test_an_expired_password_is_an_authentication_error(family: Family) -> None:
    if not family.is_mysql:  # where it is on
        family.run("SET GLOBAL disconnect_on_expired_password = ON")
    family.run("ALTER USER 'mon'@'%' PASSWORD EXPIRE")
    error = refusal(family.engine, family.target("mon", PASSWORD))
    assert isinstance(error, AuthenticationError)
    assert "expired" in str(error)


def test_a_host_that_may_not_connect_is_an_authentication_error(family: Family) -> None:
    family.run("RENAME USER 'mon'@'%' TO 'mon'@'10.9.8.7'")
    try:
        error = refusal(family.engine, family.target("mon", PASSWORD))
        assert isinstance(error, AuthenticationError)
    finally:
        family.run("RENAME USER 'mon'@'10.9.8.7' TO 'mon'@'%'")


def test_too_many_connections_of_one_account(family: Family) -> None:
    family.run("ALTER USER 'mon'@'%' WITH MAX_USER_CONNECTIONS 1")
    first = family.engine.connect(family.target("mon", PASSWORD))
    try:
        error = refusal(family.engine, family.target("mon", PASSWORD))
        assert isinstance(error, ConnectError)
        assert error.reason is ConnectReason.TOO_MANY
        assert error.retryable
    finally:
        first.close()


def test_a_port_that_drips_bytes_times_out_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            link, _ = server.accept()
            with link:
                link.sendall(b"\x4a\x00\x00\x00\x0a")
                while True:
                    try:
                        link.sendall(b"8")
                    except OSError:
                        return
                    time.sleep(0.2)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        error = refusal(MySql(), target_at(server.getsockname()[1], EngineName.MYSQL))
        thread.join(5)
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.TIMEOUT


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n"])
def test_another_protocol_is_an_unsupported_server(banner: bytes) -> None:
    with listener(banner) as port:
        error = refusal(MariaDb(), target_at(port, EngineName.MARIADB))
    assert isinstance(error, UnsupportedServer)
    assert not error.retryable


# The ssl module of Python 3.11 leaves a socket to the garbage collector where the peer reset
# it before the TLS handshake.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b"\x0a8.0.11\x00", b"\x0a10.11.1-MariaDB\x00", b"\x0ax\x00", b"\xff"]),
)
def test_garbage_is_always_an_error_of_the_taxonomy(noise: bytes, start: bytes) -> None:
    payload = start + noise
    with listener(len(payload).to_bytes(3, "little") + b"\x00" + payload, closes=True) as port:
        error = refusal(MySql(), target_at(port, EngineName.MYSQL))
    assert isinstance(error, ConnectError | UnsupportedServer | AuthenticationError)


@pytest.mark.mariadb
def test_mysql_refuses_mariadb(mariadb_server: RunningServer) -> None:
    family = Family(mariadb_server)
    with family.users(f"'mon'@'%' IDENTIFIED BY '{PASSWORD}'"):
        error = refusal(MySql(), target_at(mariadb_server.port, EngineName.MYSQL))
    assert isinstance(error, UnsupportedServer)
    assert "MariaDB" in str(error)
    assert not error.retryable


@pytest.mark.mysql
def test_mariadb_refuses_mysql(mysql_server: RunningServer) -> None:
    family = Family(mysql_server)
    with family.users(f"'mon'@'%' IDENTIFIED BY '{PASSWORD}'"):
        error = refusal(MariaDb(), target_at(mysql_server.port, EngineName.MARIADB))
    assert isinstance(error, UnsupportedServer)
    assert mysql_server.version.partition(" ")[0] in str(error)


@pytest.mark.postgresql
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_postgresql_waits_for_its_client_and_so_times_out(
    engine: MariaDb | MySql, postgresql_server: RunningServer
) -> None:
    error = refusal(engine, target_at(postgresql_server.port, engine.name))
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.TIMEOUT
    assert "Check that" in str(error)


def test_the_server_itself_ends_a_statement_that_takes_too_long(family: Family) -> None:
    connection = family.engine.connect(family.target("mon", PASSWORD, timeouts=SHORT))
    started = time.monotonic()
    try:
        with pytest.raises(QueryTimeout) as caught:
            connection.fetch(
                "SELECT COUNT(*) FROM information_schema.COLLATIONS a, "
                "information_schema.COLLATIONS b, information_schema.COLLATIONS c, "
                "information_schema.COLLATIONS d"
            )
    finally:
        connection.close()
    assert caught.value.retryable
    assert time.monotonic() - started < SHORT.statement_seconds + 3


def test_a_locked_catalog_table_costs_its_section_only(family: Family) -> None:
    with family.admin() as cursor:
        cursor.execute("LOCK TABLES mysql.procs_priv WRITE")
        snapshot = family.snapshot(family.target(timeouts=SHORT))
        cursor.execute("UNLOCK TABLES")
    report = snapshot.sections[SectionKey(SectionName.ROUTINE)]
    assert report.status is SectionStatus.FAILED
    assert "took too long" in report.reason
    assert list(snapshot.unread) == [SectionKey(SectionName.ROUTINE)]
    assert any("grants.routine not read" in warning for warning in snapshot.warnings)


def test_a_server_that_stops_answering_ends_at_the_deadline(family: Family) -> None:
    target = family.target()
    started = time.monotonic()
    try:
        with pytest.raises(QueryTimeout):
            fetch_while_stopped(family, target)
    finally:
        family.server.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - started < 5


def fetch_while_stopped(family: Family, target: Target) -> None:
    with open_connection(family.engine, target, Deadline(1.5)) as connection:
        freeze(family.server.process.pid)
        connection.fetch("SELECT 1")


def test_a_connection_killed_by_the_server_is_lost(family: Family) -> None:
    connection = family.engine.connect(family.target())
    (row,) = connection.fetch("SELECT CONNECTION_ID() AS id")
    family.run(f"KILL {row['id']}")
    with pytest.raises(ConnectError) as caught:
        fetch_twice(connection)
    connection.close()
    assert caught.value.reason is ConnectReason.LOST
    assert caught.value.retryable


def fetch_twice(connection: Connection) -> None:
    """A killed connection ends at the statement that runs, or at the next one."""
    connection.fetch("SELECT 1")
    connection.fetch("SELECT 1")


def test_a_connection_is_read_only(family: Family) -> None:
    connection = family.engine.connect(family.target())
    try:
        with pytest.raises(SyncError, match="READ ONLY"):
            connection.fetch("DELETE FROM mysql.proxies_priv WHERE 1 = 0")
    finally:
        connection.close()


def test_a_password_is_never_sent_in_plain_text_without_tls() -> None:
    greeting = (
        b"\x0a8.0.36\x00" + b"\x01\x00\x00\x00" + b"12345678\x00" + b"\xff\xf7\x21\x02\x00"
        b"\xff\xc7\x15" + bytes(10) + b"123456789012\x00" + b"mysql_native_password\x00"
    )
    switch = b"\xfemysql_clear_password\x00"
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                link, _ = server.accept()
                with link:
                    link.settimeout(5)
                    link.sendall(len(greeting).to_bytes(3, "little") + b"\x00" + greeting)
                    heard.append(link.recv(4096))
                    link.sendall(len(switch).to_bytes(3, "little") + b"\x02" + switch)
                    try:
                        heard.append(link.recv(4096))
                    except OSError:
                        heard.append(b"")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        error = refusal(MySql(), target_at(port, EngineName.MYSQL))
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(10)
    assert isinstance(error, AuthenticationError)
    assert "plain text" in str(error)
    assert not any(PASSWORD.encode() in said for said in heard)
