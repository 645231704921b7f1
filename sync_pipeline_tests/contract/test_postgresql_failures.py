"""What goes wrong with PostgreSQL alone; what all engines promise is in `test_errors.py`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.wire import passwords
from sync_pipeline.errors import (
    AuthenticationError,
    ConnectError,
    ConnectReason,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus
from workbench.servers import debian
from workbench.servers.postgresql import installations, obtain, run_postgresql
from workbench.servers.postgresql_bench import ENGINE, PostgresBench, bench_on
from workbench.servers.running import RunningServer, freeze
from workbench.servers.versions import POSTGRESQL

pytestmark = pytest.mark.postgresql

PASSWORD = "s3cret-of-the-monitor"
WITH_TLS = min(POSTGRESQL.every_run)
BRIEF = Timeouts(connect_seconds=2, statement_seconds=1, total_seconds=20)


def connect_fails(target: Target, database: str | None = None) -> SyncError:
    """Return the error of a connection that must not open; it says where and no secret."""
    with pytest.raises(SyncError) as caught:
        ENGINE.connect(target, database).close()
    error = caught.value
    assert error.instance == "bench"
    assert error.phase is Phase.CONNECT
    assert str(error).startswith("bench: ")
    assert error.hint
    assert PASSWORD not in f"{error} {error!r} {vars(error)}"
    return error


def reason_of(error: SyncError) -> ConnectReason:
    assert isinstance(error, ConnectError), repr(error)
    return error.reason


@contextmanager
def listener(banner: bytes | None) -> Iterator[int]:
    """Accept connections; say `banner` and close, or (None) say nothing at all."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            # The client may be gone before it is answered, and the listener at the end.
            with suppress(OSError):
                while True:
                    link, _ = server.accept()
                    kept.append(link)
                    answer(link)

        def answer(link: socket.socket) -> None:
            if banner is not None:
                with suppress(OSError):
                    link.sendall(banner)
                    link.shutdown(socket.SHUT_WR)

        server_thread = threading.Thread(target=serve)
        server_thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        server_thread.join()
    for link in kept:
        link.close()


@pytest.mark.parametrize(
    ("method", "modes"),
    [
        ("scram-sha-256", (TlsMode.DISABLE, TlsMode.PREFER)),
        ("md5", (TlsMode.DISABLE,)),
        ("password", ()),
    ],
)
def test_each_method_gets_what_the_mode_allows(
    newest_bench: PostgresBench, method: str, modes: tuple[TlsMode, ...]
) -> None:
    encryption = "md5" if method == "md5" else "scram-sha-256"
    newest_bench.run(
        f"SET password_encryption = '{encryption}'; CREATE ROLE watcher LOGIN PASSWORD 'right'"
    )
    with newest_bench.hba(f"host all watcher 127.0.0.1/32 {method}"):
        for mode in (TlsMode.DISABLE, TlsMode.PREFER):
            target = newest_bench.target("watcher", "right", tls=TlsOptions(mode))
            ENGINE.connect(replace(target, options={passwords.OPTION: "yes"})).close()
            if mode in modes:
                ENGINE.connect(target).close()
                continue
            error = connect_fails(target)
            assert isinstance(error, AuthenticationError)
            assert "It was not sent" in str(error)
            assert "sync-pipeline instances edit bench --tls verify-full" in str(error)


@pytest.mark.parametrize(
    "setup", ["SELECT 1", "CREATE ROLE watcher NOLOGIN"], ids=["no role", "no login"]
)
def test_an_account_that_may_not_log_in_is_rejected(newest_bench: PostgresBench, setup) -> None:
    newest_bench.run(setup)
    error = connect_fails(newest_bench.target("watcher", PASSWORD))
    assert isinstance(error, AuthenticationError)


def test_a_role_without_free_connections_is_tried_again(newest_bench: PostgresBench) -> None:
    newest_bench.run("CREATE ROLE watcher LOGIN CONNECTION LIMIT 0")
    error = connect_fails(newest_bench.target("watcher", PASSWORD))
    assert reason_of(error) is ConnectReason.TOO_MANY
    assert error.retryable


@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.PREFER, TlsMode.REQUIRE])
@pytest.mark.mariadb
def test_mariadb_behind_the_port_is_named(mariadb_server: RunningServer, mode: TlsMode) -> None:
    bench = PostgresBench(mariadb_server)
    error = connect_fails(bench.target("root", PASSWORD, tls=TlsOptions(mode)))
    assert isinstance(error, UnsupportedServer)
    assert not error.retryable
    assert f"{mariadb_server.host}:{mariadb_server.port} is not PostgreSQL" in str(error)


@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.PREFER])
@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-ERR no\r\n"]
)
def test_other_servers_behind_the_port_are_named(
    newest_bench: PostgresBench, banner: bytes, mode: TlsMode
) -> None:
    with listener(banner) as port:
        target = newest_bench.target("postgres", PASSWORD, port=port, tls=TlsOptions(mode))
        assert isinstance(connect_fails(target), UnsupportedServer)


@pytest.mark.parametrize("mode", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_a_server_without_tls_is_refused_where_tls_is_asked_for(
    bench: PostgresBench, mode: TlsMode
) -> None:
    error = connect_fails(bench.target("postgres", PASSWORD, tls=TlsOptions(mode)))
    assert reason_of(error) is ConnectReason.TLS
    assert not error.retryable
    assert "TLS mode" in str(error)


def test_a_server_that_shuts_down_is_tried_again(tmp_path: Path) -> None:
    with run_postgresql(installations()[-1], tmp_path / "server") as server:
        bench = PostgresBench(server, "postgres")
        with bench.admin():
            server.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 10
            while True:
                error = connect_fails(bench.target("postgres", PASSWORD))
                if "shutting down" in str(error) or time.monotonic() > deadline:
                    break
            assert reason_of(error) is ConnectReason.REFUSED
            assert error.retryable


# --- TLS -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresBench]:
    """A server with a certificate for `localhost`: Debian's, the wheel's have no TLS."""
    try:
        installation = obtain(WITH_TLS)
    except debian.Unavailable as error:
        pytest.skip(f"PostgreSQL {WITH_TLS} is not available: {error}")
    directory = tmp_path_factory.mktemp("tls") / "server"
    with run_postgresql(installation, directory) as server, bench_on(server) as bench:
        enable_tls(bench)
        yield bench


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def enable_tls(bench: PostgresBench) -> None:
    """Make an authority, a certificate of the server and one of another authority."""
    made = bench.server.directory / "certificates"
    made.mkdir()
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    for name in ("authority", "stranger"):
        openssl(made, *new, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}")
    for name in ("localhost", "watcher"):
        request = ("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}")
        openssl(made, *request, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(
            *(made, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", "-days", "2"),
            *("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial"),
        )
    data = bench.server.directory / "data"
    owner = data.stat()
    for source, target in (
        ("localhost.crt", "server.crt"),
        ("localhost.key", "server.key"),
        ("authority.crt", "root.crt"),
    ):
        shutil.copy(made / source, data / target)
        os.chown(data / target, owner.st_uid, owner.st_gid)
        (data / target).chmod(0o600)
    bench.run(
        "ALTER SYSTEM SET ssl = on",
        "ALTER SYSTEM SET ssl_ca_file = 'root.crt'",
        "SELECT pg_reload_conf()",
    )
    time.sleep(0.3)


def certificate(bench: PostgresBench, name: str) -> str:
    return str(bench.server.directory / "certificates" / name)


@pytest.mark.parametrize("mode", [mode for mode in TlsMode if mode is not TlsMode.DISABLE])
def test_tls_is_used_and_reported(tls_bench: PostgresBench, mode: TlsMode) -> None:
    tls = TlsOptions(mode, certificate(tls_bench, "authority.crt"))
    server = tls_bench.collect(tls_bench.target(host="localhost", tls=tls)).server
    assert server.tls is not None
    assert server.tls.startswith("TLSv1.")


def test_tls_that_is_disabled_is_not_used(tls_bench: PostgresBench) -> None:
    target = tls_bench.target(tls=TlsOptions(TlsMode.DISABLE))
    assert tls_bench.collect(target).server.tls is None


@pytest.mark.parametrize(
    ("host", "mode", "authority"),
    [
        ("127.0.0.1", TlsMode.VERIFY_FULL, "authority.crt"),
        ("localhost", TlsMode.VERIFY_FULL, "stranger.crt"),
        ("localhost", TlsMode.VERIFY_CA, "stranger.crt"),
        ("localhost", TlsMode.VERIFY_FULL, "missing.crt"),
        ("localhost", TlsMode.VERIFY_FULL, None),
        ("localhost", TlsMode.VERIFY_CA, None),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(
    tls_bench: PostgresBench, host: str, mode: TlsMode, authority: str | None
) -> None:
    file = certificate(tls_bench, authority) if authority else None
    error = connect_fails(
        tls_bench.target("postgres", PASSWORD, host=host, tls=TlsOptions(mode, file))
    )
    assert reason_of(error) is ConnectReason.TLS


def test_a_certificate_authority_may_certify_another_name(tls_bench: PostgresBench) -> None:
    tls = TlsOptions(TlsMode.VERIFY_CA, certificate(tls_bench, "authority.crt"))
    ENGINE.connect(tls_bench.target(host="127.0.0.1", tls=tls)).close()


def test_a_client_certificate_logs_in(tls_bench: PostgresBench) -> None:
    bench = tls_bench
    bench.run("CREATE ROLE watcher LOGIN")
    anonymous = TlsOptions(TlsMode.REQUIRE)
    known = TlsOptions(
        TlsMode.REQUIRE,
        cert_file=certificate(bench, "watcher.crt"),
        key_file=certificate(bench, "watcher.key"),
    )
    Path(certificate(bench, "watcher.key")).chmod(0o600)
    with bench.hba("hostssl all watcher 127.0.0.1/32 cert"):
        ENGINE.connect(bench.target("watcher", tls=known)).close()
        error = connect_fails(bench.target("watcher", PASSWORD, tls=anonymous))
    assert isinstance(error, AuthenticationError)


# --- statements ----------------------------------------------------------------------------


@contextmanager
def locked(bench: PostgresBench, table: str) -> Iterator[None]:
    with bench.admin() as link:
        link.execute("BEGIN")
        link.execute(f"LOCK TABLE pg_catalog.{table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
        yield
        link.execute("ROLLBACK")


def test_a_locked_catalog_loses_its_section_only(bench: PostgresBench) -> None:
    with locked(bench, "pg_default_acl"):
        snapshot = bench.collect(bench.target(timeouts=BRIEF))
    (key,) = snapshot.unread
    assert key == SectionKey(SectionName.DEFAULT, "bench")
    assert snapshot.unread[key].status is SectionStatus.FAILED
    assert "took too long" in snapshot.unread[key].reason
    assert snapshot.is_known(SectionKey(SectionName.TABLE, "bench"))


def test_a_catalog_that_blocks_logins_is_given_up(newest_bench: PostgresBench) -> None:
    """Every login reads pg_db_role_setting: while it is locked no connection opens."""
    with locked(newest_bench, "pg_db_role_setting"):
        error = connect_fails(newest_bench.target("postgres", PASSWORD, timeouts=BRIEF))
    assert reason_of(error) is ConnectReason.TIMEOUT


def test_a_slow_statement_is_ended_by_the_server(bench: PostgresBench) -> None:
    connection = ENGINE.connect(bench.target(timeouts=BRIEF))
    try:
        with pytest.raises(QueryTimeout, match="statement timeout") as caught:
            connection.fetch("SELECT pg_sleep(30)")
        assert caught.value.retryable
        assert connection.fetch("SELECT 1 AS one") == [{"one": 1}]
    finally:
        connection.close()


def read_from_a_stopped_backend(target: Target) -> None:
    with open_connection(ENGINE, target, Deadline(1.5)) as connection:
        (row,) = connection.fetch("SELECT pg_backend_pid() AS pid")
        freeze(row["pid"])
        try:
            connection.fetch("SELECT 1 AS one")
        finally:
            os.kill(row["pid"], signal.SIGCONT)


def test_a_frozen_server_does_not_outlive_the_deadline(bench: PostgresBench) -> None:
    """A stopped backend ends no statement: the watchdog shuts the socket instead."""
    target = bench.target(timeouts=replace(BRIEF, statement_seconds=60))
    started = time.monotonic()
    with pytest.raises(QueryTimeout, match="did not end within its limit") as caught:
        read_from_a_stopped_backend(target)
    assert caught.value.retryable
    assert time.monotonic() - started < 6


def test_a_connection_that_is_cut_is_lost(bench: PostgresBench) -> None:
    connection = ENGINE.connect(bench.target())
    (row,) = connection.fetch("SELECT pg_backend_pid() AS pid")
    bench.run(f"SELECT pg_terminate_backend({row['pid']})")
    for _ in range(2):
        with pytest.raises(ConnectError) as caught:
            connection.fetch("SELECT 1 AS one")
        assert caught.value.reason is ConnectReason.LOST
        assert caught.value.retryable
    connection.abort()
    connection.close()
    connection.abort()
    connection.close()


def test_a_refused_or_wrong_query_says_which(bench: PostgresBench) -> None:
    bench.run("CREATE ROLE watcher LOGIN")
    connection = ENGINE.connect(bench.target("watcher"))
    try:
        with pytest.raises(PrivilegeError, match="permission denied for table pg_authid"):
            connection.fetch("SELECT rolpassword FROM pg_catalog.pg_authid")
        with pytest.raises(QueryError, match="42P01") as caught:
            connection.fetch("SELECT * FROM pg_catalog.no_such_catalog")
        assert not caught.value.retryable
        with pytest.raises(QueryError, match="25006"):
            connection.fetch("CREATE TEMPORARY SEQUENCE written; CREATE ROLE written")
        assert connection.fetch("SELECT 1 AS one") == [{"one": 1}]
    finally:
        connection.close()


def test_the_environment_does_not_redirect_a_connection(
    newest_bench: PostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=public")
    monkeypatch.setenv("PGDATABASE", "nowhere")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    connection = ENGINE.connect(newest_bench.target())
    try:
        (row,) = connection.fetch(
            "SELECT current_database() AS database, '🐘' AS elephant, "
            "current_setting('search_path') AS path"
        )
    finally:
        connection.close()
    assert row == {"database": "postgres", "elephant": "🐘", "path": "pg_catalog"}
