"""What SQL Server says at a login and of a session's end, told as what it is."""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire.drivers import (
    ENTRA_METHODS,
    ENTRA_OPTION,
    INTEGRATED_OPTION,
    Driver,
    connection_string,
)
from sync_pipeline.engines.sqlserver.wire.errors import connect_error, query_error
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectReason,
    PrivilegeError,
    QueryError,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import TlsMode, TlsOptions
from workbench.servers import tds
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.sqlserver_drivers import (
    DRIVERS,
    FREETDS,
    MICROSOFT,
    PASSWORD,
    driver_named,
    target_at,
)
from workbench.servers.tds import EndOfTls, Login, Rows, ServerError, tds_server

REFUSED, TOO_MANY = ConnectReason.REFUSED, ConnectReason.TOO_MANY
ENCRYPTED, VERIFIED = TlsOptions(TlsMode.REQUIRE), TlsOptions(TlsMode.VERIFY_FULL)
OFFLINE = "the words of the server [in brackets] (5)"
TEMPORARY = {
    **dict.fromkeys((17187, 17188, 17189, 17197, 17142, 17803, 17813, 6005, 701), REFUSED),
    **dict.fromkeys((18401, 18451, 18461), REFUSED),
    **dict.fromkeys((921, 922, 923, 926, 927, 942, 976, 978, 983, 988, 4221, 615), REFUSED),
    **dict.fromkeys((40197, 40501, 40613, 49918, 49919, 49920), REFUSED),
    **dict.fromkeys((10928, 10929, 17300, 17809, 17889, 18458, 18459, 18460), TOO_MANY),
}
OTHERS = {
    **dict.fromkeys((18452, 18456, 18470, 18486, 18487, 18488, 17806), AuthenticationError),
    **dict.fromkeys((911, 4060, 4064, 40532, 40615, 40914, 47073), ConfigurationError),
    **dict.fromkeys((916, 229, 17892), PrivilegeError),
    **dict.fromkeys((17802, 17828, 17832), UnsupportedServer),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    found: Authority = authority(tmp_path_factory.mktemp("tls") / "it", "127.0.0.1")
    return found.certificate, found.key


def said(number: int) -> Exception:
    """Return what pyodbc raises for an error of the server."""
    text = f"[42000] [FreeTDS][SQL Server]{OFFLINE} ({number}) (SQLDriverConnect)"
    return RuntimeError("42000", text)


@pytest.mark.parametrize("number", TEMPORARY)
def test_what_passes_by_itself_is_tried_again(number: int) -> None:
    error = connect_error(said(number), target_at(1).instance, "mon")
    assert isinstance(error, ConnectError)
    assert error.reason is TEMPORARY[number]
    assert error.retryable
    assert OFFLINE in str(error)


@pytest.mark.parametrize("number", OTHERS)
def test_what_does_not_pass_is_told_apart(number: int) -> None:
    error = connect_error(said(number), target_at(1).instance, "mon")
    assert type(error) is OTHERS[number]
    assert not error.retryable
    assert OFFLINE in str(error)


def refusal(
    error: ServerError, kind: str, certificate: tuple[Path, Path], **changes: object
) -> SyncError:
    def reject(login: Login) -> None:
        raise error

    with (
        tds_server(reject, certificate=certificate) as server,
        pytest.raises(SyncError) as caught,
    ):
        SqlServer().connect(target_at(server.port, driver_named(kind), tls=ENCRYPTED, **changes))
    assert len(server.logins) == 1  # a login that fails is not repeated: that locks accounts
    return caught.value


@pytest.mark.parametrize("kind", DRIVERS)
@pytest.mark.parametrize("number", [17187, 976, 978, 983, 18461, 50000])
def test_an_error_of_the_login_is_no_lack_of_tls(
    kind: str, number: int, certificate: tuple[Path, Path]
) -> None:
    error = refusal(ServerError(number, "not ready", 16), kind, certificate)
    assert isinstance(error, ConnectError)
    assert error.reason is not ConnectReason.TLS
    assert error.retryable
    assert "not ready" in str(error)
    assert "TLS" not in str(error)


CLIENT_ID = "00000000-1111-2222-3333-444444444444"


def integrated(port: int, kind: str) -> Target:
    target = target_at(port, driver_named(kind), tls=ENCRYPTED)
    return replace(target, options={**target.options, INTEGRATED_OPTION: "yes"})


def test_without_a_ticket_nothing_is_sent_and_the_drivers_own_reason_is_told(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """There is no Kerberos realm here: this is as far as the driver itself goes without one."""
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/none")
    with (
        tds_server(certificate=certificate) as server,
        pytest.raises(AuthenticationError, match="kinit") as caught,
    ):
        SqlServer().connect(integrated(server.port, MICROSOFT)).close()
    assert server.logins == []
    assert "SSPI Provider" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_the_ticket_is_for_the_instance_and_no_password_reaches_the_driver() -> None:
    target = integrated(1433, MICROSOFT)
    text = connection_string(Driver(driver_named(MICROSOFT)), target, ENCRYPTED, ("127.0.0.9", 7))
    assert "Trusted_Connection=yes;ServerSPN=MSSQLSvc/127.0.0.1:1433;" in text
    assert "SERVER=tcp:127.0.0.9,7;" in text
    assert not re.search("UID|PWD", text)
    assert PASSWORD not in text


CHECKED = TlsOptions(TlsMode.VERIFY_FULL)


def entra(port: int, kind: str, method: str, username: str = "app") -> Target:
    target = target_at(port, driver_named(kind), tls=CHECKED, username=username)
    return replace(target, options={**target.options, ENTRA_OPTION: method})


@pytest.mark.parametrize(
    ("method", "username", "parts"),
    [
        ("service-principal", "app", ("UID=app;PWD={", "=ActiveDirectoryServicePrincipal;")),
        ("password", "me@corp.example", ("UID={me@corp.example}", "=ActiveDirectoryPassword;")),
        ("managed-identity", "anything", ("Authentication=ActiveDirectoryMsi;",)),
        ("managed-identity", CLIENT_ID, (f"UID={CLIENT_ID};Authentication=ActiveDirectoryMsi;",)),
    ],
)
def test_what_asks_entra_for_a_token_reaches_the_driver(
    method: str, username: str, parts: tuple[str, ...]
) -> None:
    target = entra(1433, MICROSOFT, method, username)
    text = connection_string(Driver(driver_named(MICROSOFT)), target, CHECKED, ("127.0.0.9", 7))
    assert [part for part in parts if part not in text] == []
    assert "TrustServerCertificate=no" in text
    assert "HostnameInCertificate=127.0.0.1" in text
    assert ("PWD" in text) is (method != "managed-identity")
    assert ("UID" in text) is (username != "anything")


@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE, TlsMode.DISABLE])
def test_a_server_that_is_not_checked_can_not_say_where_a_token_is_got(mode: TlsMode) -> None:
    target = entra(1433, MICROSOFT, "password")
    with pytest.raises(ConfigurationError, match="--tls verify-full"):
        connection_string(Driver(driver_named(MICROSOFT)), target, TlsOptions(mode))


@pytest.mark.parametrize("method", ENTRA_METHODS)
def test_entra_sends_a_stranger_nothing(certificate: tuple[Path, Path], method: str) -> None:
    """No Entra can be had here: the driver goes as far as the certificate, which it refuses."""
    with tds_server(certificate=certificate) as server, pytest.raises(ConnectError) as caught:
        SqlServer().connect(entra(server.port, MICROSOFT, method)).close()
    assert server.logins == []
    assert PASSWORD not in str(caught.value)


def test_entra_is_refused_with_freetds() -> None:
    with pytest.raises(ConfigurationError, match="SYNC_PIPELINE_SQLSERVER_ENTRA"):
        connection_string(Driver("FreeTDS"), entra(1433, FREETDS, "password"), CHECKED)


def test_integrated_authentication_is_refused_with_freetds() -> None:
    with pytest.raises(ConfigurationError, match="SYNC_PIPELINE_SQLSERVER_INTEGRATED"):
        connection_string(Driver("FreeTDS"), integrated(1433, FREETDS), ENCRYPTED)


def test_a_missing_database_is_not_a_wrong_password(certificate: tuple[Path, Path]) -> None:
    """The server says 4060 and then 18456; Microsoft's driver passes both on."""
    failed = ServerError(18456, "Login failed for user 'mon'.")
    both = ServerError(4060, "Cannot open database", 11, then=(failed,))
    error = refusal(both, MICROSOFT, certificate, database="gone")
    assert isinstance(error, ConfigurationError)
    assert "instances edit --database" in str(error)
    error = refusal(both, FREETDS, certificate, database="gone")
    assert isinstance(error, AuthenticationError)
    assert "where the database 'gone' can't be opened" in str(error)
    assert "instances edit --database" in str(error)


@pytest.mark.parametrize("kind", DRIVERS)
@pytest.mark.parametrize("how", ["between", "at once"])
def test_a_connection_that_ends_between_statements_is_lost(
    kind: str, how: str, certificate: tuple[Path, Path]
) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        return Rows(["x"], [[1]]) if sql.startswith("SELECT") else None

    with tds_server(on_batch=answer, certificate=certificate) as server:
        target = target_at(server.port, driver_named(kind), tls=ENCRYPTED)
        connection = SqlServer().connect(target)
        assert connection.fetch("SELECT 1 AS x")
        server.hang_up()
        time.sleep(0.1 if how == "between" else 0)
        with pytest.raises(ConnectError) as caught:
            connection.fetch("SELECT 2 AS x")
        connection.close()
    assert caught.value.reason is ConnectReason.LOST
    assert caught.value.retryable


@pytest.mark.parametrize("number", [596, 6005, 40197, 40549, 40613])
def test_a_session_that_the_server_ended_is_lost(number: int) -> None:
    error = query_error(said(number), "it")
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.LOST
    assert isinstance(query_error(said(8134), "it", is_over=True), QueryError)


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_server_that_hangs_up_before_the_login_is_not_said_to_lack_tls(kind: str) -> None:
    def serve(listener: socket.socket) -> None:
        link, _ = listener.accept()
        with link:
            link.recv(4096)
            link.sendall(tds._packet(tds.ANSWER, tds._prelogin(tds.ON)))
            link.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(ConnectError) as caught:
            SqlServer().connect(target_at(port, driver_named(kind), tls=ENCRYPTED))
        thread.join()
    assert caught.value.reason is not ConnectReason.TLS
    assert caught.value.retryable


def test_the_reason_of_a_tls_failure_is_told(certificate: tuple[Path, Path]) -> None:
    with tds_server(certificate=certificate) as server, pytest.raises(ConnectError) as caught:
        SqlServer().connect(target_at(server.port, driver_named(MICROSOFT), tls=VERIFIED))
    assert caught.value.reason is ConnectReason.TLS
    assert "certificate verify failed" in str(caught.value)
    assert "[Microsoft]" not in str(caught.value)


@pytest.mark.parametrize("kind", DRIVERS)
def test_nothing_spins_after_the_end_of_tls(kind: str, certificate: tuple[Path, Path]) -> None:
    """FreeTDS asks again for ever after close_notify, also when the connection is gone."""

    def answer(login: Login, sql: str) -> EndOfTls | None:
        return EndOfTls() if sql.startswith("SELECT") else None

    with tds_server(on_batch=answer, certificate=certificate) as server:
        target = target_at(server.port, driver_named(kind), tls=ENCRYPTED)
        connection = SqlServer().connect(target)
        before = threading.active_count()
        with pytest.raises(ConnectError) as caught:
            connection.fetch("SELECT 1 AS x")
        assert caught.value.reason is ConnectReason.LOST
        assert threading.active_count() <= before  # no call was left behind
        connection.close()
