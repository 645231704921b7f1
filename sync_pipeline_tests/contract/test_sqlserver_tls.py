"""The five TLS modes of both drivers against a TDS server with a certificate and without."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire.drivers import STRICT_OPTION
from sync_pipeline.engines.wire import passwords
from sync_pipeline.errors import ConfigurationError, ConnectError, ConnectReason, SyncError
from sync_pipeline.model.instance import TlsMode, TlsOptions
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.sqlserver_drivers import (
    DRIVERS,
    FREETDS,
    MICROSOFT,
    PASSWORD,
    driver_named,
    target_at,
)
from workbench.servers.tds import TdsServer, tds_server

CLIENT_HELLO = b"\x16\x03"
NO_TLS_OFFERED = (
    b"\x04\x01\x00\x1a\x00\x00\x01\x00"
    b"\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x10\x00\x10\x41\x00\x00\x02"
)
"""An answer to PRELOGIN, version 16, whose ENCRYPTION is NOT_SUP: [MS-TDS] 2.2.6.5."""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "stranger", "127.0.0.1")


def certificate(found: Authority) -> tuple[Path, Path]:
    return found.certificate, found.key


def log_in(server: TdsServer, kind: str, mode: TlsMode) -> None:
    tls = TlsOptions(mode)
    SqlServer().connect(target_at(server.port, driver_named(kind), tls=tls)).close()


def refused(server: TdsServer, kind: str, mode: TlsMode) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        log_in(server, kind, mode)
    assert caught.value.reason is ConnectReason.TLS
    assert not caught.value.retryable
    assert any(word in str(caught.value) for word in ("TLS mode", "--tls"))
    assert PASSWORD not in str(caught.value)
    assert server.logins == []
    return caught.value


def strict(port: int, kind: str, mode: TlsMode) -> Target:
    target = target_at(port, driver_named(kind), tls=TlsOptions(mode))
    return replace(
        target, options={**target.options, STRICT_OPTION: "yes", passwords.OPTION: "yes"}
    )


@contextmanager
def one_that_answers(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A rogue that keeps what each client says first, and answers it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    link, _ = listening.accept()
                    with link:
                        heard.append(link.recv(4096))
                        link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], heard
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE, TlsMode.VERIFY_FULL])
def test_with_strict_the_first_word_is_tls_and_nothing_weaker_follows(mode: TlsMode) -> None:
    """Also not where a listener says in the clear that it offers no TLS."""
    with one_that_answers(NO_TLS_OFFERED) as (port, heard), pytest.raises(SyncError) as caught:
        SqlServer().connect(strict(port, MICROSOFT, mode)).close()
    assert heard
    assert all(said.startswith(CLIENT_HELLO) for said in heard)
    assert all(b"tds/8.0" in said for said in heard)
    for told in ("exclude each other", "offers no TLS"):
        assert told not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_with_strict_a_certificate_of_a_stranger_is_refused_in_each_mode(
    stranger: Authority,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(stranger))
    context.set_alpn_protocols(["tds/8.0"])
    read: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                link, _ = listening.accept()
                with context.wrap_socket(link, server_side=True) as secured:
                    read.append(secured.recv(4096))

        thread = threading.Thread(target=serve)
        thread.start()
        target = strict(listening.getsockname()[1], MICROSOFT, TlsMode.REQUIRE)
        with pytest.raises(ConnectError) as caught:
            SqlServer().connect(target).close()
        thread.join()
    assert caught.value.reason is ConnectReason.TLS
    assert b"".join(read) == b""


@pytest.mark.parametrize(
    ("kind", "mode", "said"),
    [
        (FREETDS, TlsMode.REQUIRE, "can't speak TDS 8"),
        (MICROSOFT, TlsMode.DISABLE, "exclude each other"),
    ],
)
def test_strict_that_cannot_be_had_is_refused_before_anything_is_sent(
    kind: str, mode: TlsMode, said: str
) -> None:
    with tds_server() as server, pytest.raises(ConfigurationError, match=said) as caught:
        SqlServer().connect(strict(server.port, kind, mode))
    assert "SYNC_PIPELINE_SQLSERVER_STRICT" in str(caught.value)
    assert server.logins == []


@pytest.mark.parametrize("kind", DRIVERS)
def test_without_tls_where_that_was_said(kind: str) -> None:
    with tds_server() as server:
        log_in(server, kind, TlsMode.DISABLE)
    assert [login.password for login in server.logins] == [PASSWORD]
    assert server.encrypted == [False]


@pytest.mark.parametrize("kind", DRIVERS)
@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE])
def test_a_server_without_tls_gets_nothing_else(kind: str, mode: TlsMode) -> None:
    with tds_server() as server:
        error = refused(server, kind, mode)
    assert "sync-pipeline instances edit the-instance --tls disable" in str(error)


@pytest.mark.parametrize("kind", DRIVERS)
def test_prefer_goes_on_without_tls_where_the_setting_names_the_instance(kind: str) -> None:
    with tds_server() as server:
        target = target_at(server.port, driver_named(kind), tls=TlsOptions(TlsMode.PREFER))
        named = replace(target, options={**target.options, passwords.OPTION: "yes"})
        SqlServer().connect(named).close()
    assert server.encrypted == [False]


@pytest.mark.parametrize("kind", DRIVERS)
@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE])
def test_a_certificate_of_a_stranger_encrypts_where_none_is_checked(
    kind: str, mode: TlsMode, stranger: Authority
) -> None:
    with tds_server(certificate=certificate(stranger)) as server:
        log_in(server, kind, mode)
    assert [login.password for login in server.logins] == [PASSWORD]
    assert server.encrypted == [True]


def test_verify_full_refuses_the_certificate_of_a_stranger(stranger: Authority) -> None:
    with tds_server(certificate=certificate(stranger)) as server:
        refused(server, MICROSOFT, TlsMode.VERIFY_FULL)


@pytest.mark.parametrize(
    ("kind", "tls", "words"),
    [
        (FREETDS, TlsOptions(TlsMode.VERIFY_CA), "check the server's certificate"),
        (FREETDS, TlsOptions(TlsMode.VERIFY_FULL), "check the server's certificate"),
        (MICROSOFT, TlsOptions(TlsMode.VERIFY_CA), "without its host name"),
        (MICROSOFT, TlsOptions(TlsMode.VERIFY_FULL, ca_file="/ca.pem"), "TLS file /ca.pem"),
        (FREETDS, TlsOptions(TlsMode.REQUIRE, cert_file="/c.pem"), "TLS file /c.pem"),
    ],
)
def test_a_mode_that_a_driver_cant_do_is_said_before_anything_is_sent(
    kind: str, tls: TlsOptions, words: str
) -> None:
    with tds_server() as server, pytest.raises(ConfigurationError, match=words) as caught:
        SqlServer().connect(target_at(server.port, driver_named(kind), tls=tls))
    assert server.logins == []
    assert caught.value.hint
