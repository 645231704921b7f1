"""The five TLS modes of both drivers against a TDS server with a certificate and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.engines import passwords
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import ConfigurationError, ConnectError, ConnectReason
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline_tests.contract.mysql_faults import Authority, authority
from sync_pipeline_tests.servers.sqlserver_drivers import (
    DRIVERS,
    FREETDS,
    MICROSOFT,
    PASSWORD,
    driver_named,
    target_at,
)
from sync_pipeline_tests.servers.tds import TdsServer, tds_server


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
    assert "TLS mode" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert server.logins == []
    return caught.value


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
