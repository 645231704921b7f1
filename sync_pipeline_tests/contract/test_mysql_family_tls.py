"""The five TLS modes against MariaDB without TLS, with it, and against MySQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.errors import ConfigurationError, ConnectError, ConnectReason
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import debian, mariadb
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.running import RunningServer
from workbench.servers.started import StartedServers


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "trusted", "127.0.0.1")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "stranger", "127.0.0.1")


def servers_with(
    tmp_path_factory: pytest.TempPathFactory, name: str, options: list[str]
) -> Iterator[StartedServers[str]]:
    """Servers of each release line, told what TLS they have: some have it by themselves."""

    def start(line: str) -> AbstractContextManager[RunningServer]:
        directory = tmp_path_factory.mktemp(name) / "server"
        return mariadb.run_mariadb(mariadb.obtain(line), directory, options)

    with ExitStack() as stack:
        yield StartedServers("MariaDB", stack, start, mariadb.is_installed)


@pytest.fixture(scope="module")
def servers_with_tls(
    trusted: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartedServers[str]]:
    trusted.key.chmod(0o644)
    options = [f"--ssl-ca={trusted.ca}", f"--ssl-cert={trusted.certificate}"]
    yield from servers_with(tmp_path_factory, "tls", [*options, f"--ssl-key={trusted.key}"])


@pytest.fixture(scope="module")
def servers_without_tls(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StartedServers[str]]:
    yield from servers_with(tmp_path_factory, "no-tls", ["--skip-ssl"])


@pytest.fixture
def with_tls(servers_with_tls: StartedServers[str], mariadb_line: str) -> RunningServer:
    return servers_with_tls[mariadb_line]


@pytest.fixture
def without_tls(servers_without_tls: StartedServers[str], mariadb_line: str) -> RunningServer:
    return servers_without_tls[mariadb_line]


@pytest.fixture(scope="module")
def with_own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    try:
        found = mariadb.obtain("11.8")
    except debian.Unavailable as error:
        pytest.skip(f"MariaDB 11.8 is not available: {error}")
    directory = tmp_path_factory.mktemp("mariadb-own") / "server"
    with mariadb.run_mariadb(found, directory) as server:
        yield server


def cipher(server: RunningServer, tls: TlsOptions, host: str | None = None) -> str | None:
    family = Family(server)
    target = family.target(tls=tls)
    if host:
        object.__setattr__(target.instance, "host", host)
    with open_connection(family.engine, target, Deadline(20)) as connection:
        return family.engine.identify(connection).tls


def refused(server: RunningServer, tls: TlsOptions, host: str | None = None) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        cipher(server, tls, host)
    assert caught.value.reason is ConnectReason.TLS
    assert not caught.value.retryable
    return caught.value


@pytest.mark.mariadb
def test_prefer_goes_on_without_tls_where_there_is_none(without_tls: RunningServer) -> None:
    assert cipher(without_tls, TlsOptions(TlsMode.PREFER)) is None
    assert cipher(without_tls, TlsOptions(TlsMode.DISABLE)) is None


@pytest.mark.mariadb
@pytest.mark.parametrize("mode", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_what_requires_tls_fails_where_there_is_none(
    without_tls: RunningServer, mode: TlsMode
) -> None:
    error = str(refused(without_tls, TlsOptions(mode)))
    assert "Turn TLS on" in error
    assert "sync-pipeline instances edit the-instance --tls disable" in error


@pytest.mark.mariadb
@pytest.mark.parametrize("mode", TlsMode)
def test_the_certificate_that_mariadb_makes_for_itself(
    with_own_certificate: RunningServer, mode: TlsMode, trusted: Authority
) -> None:
    """Its own clients check it by the password; PyMySQL can encrypt and no more."""
    if mode in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
        for ca in (None, str(trusted.ca)):
            error = str(refused(with_own_certificate, TlsOptions(mode, ca)))
            assert "self-signed" in error
            assert "MariaDB from 11.4 on" in error
            assert "ssl_cert" in error
        return
    assert bool(cipher(with_own_certificate, TlsOptions(mode))) is (mode is not TlsMode.DISABLE)


@pytest.mark.mariadb
def test_prefer_and_require_take_any_certificate(with_tls: RunningServer) -> None:
    assert cipher(with_tls, TlsOptions(TlsMode.DISABLE)) is None
    assert cipher(with_tls, TlsOptions(TlsMode.PREFER))
    assert cipher(with_tls, TlsOptions(TlsMode.REQUIRE))


@pytest.mark.mariadb
def test_verify_ca_checks_who_signed(
    with_tls: RunningServer, trusted: Authority, stranger: Authority
) -> None:
    assert cipher(with_tls, TlsOptions(TlsMode.VERIFY_CA, str(trusted.ca)))
    assert cipher(with_tls, TlsOptions(TlsMode.VERIFY_CA, str(trusted.ca)), "localhost")
    refused(with_tls, TlsOptions(TlsMode.VERIFY_CA, str(stranger.ca)))
    refused(with_tls, TlsOptions(TlsMode.VERIFY_CA))


@pytest.mark.mariadb
def test_verify_full_checks_the_name_too(
    with_tls: RunningServer, trusted: Authority, stranger: Authority
) -> None:
    assert cipher(with_tls, TlsOptions(TlsMode.VERIFY_FULL, str(trusted.ca)))
    refused(with_tls, TlsOptions(TlsMode.VERIFY_FULL, str(trusted.ca)), "localhost")
    refused(with_tls, TlsOptions(TlsMode.VERIFY_FULL, str(stranger.ca)))


@pytest.mark.mariadb
def test_an_account_that_requires_x509_gets_in_with_a_certificate(
    with_tls: RunningServer, trusted: Authority
) -> None:
    family = Family(with_tls)
    files = (str(trusted.ca), str(trusted.certificate), str(trusted.key))
    with family.users("'x'@'%' REQUIRE X509"):
        for mode in (TlsMode.PREFER, TlsMode.VERIFY_FULL):
            family.engine.connect(family.target("x", tls=TlsOptions(mode, *files))).close()


@pytest.mark.mariadb
def test_a_tls_file_that_is_not_there_is_named(
    mariadb_server: RunningServer, tmp_path: Path
) -> None:
    for options in (
        TlsOptions(TlsMode.VERIFY_CA, ca_file=str(tmp_path / "missing.pem")),
        TlsOptions(TlsMode.REQUIRE, cert_file=str(tmp_path / "missing.pem")),
    ):
        with pytest.raises(ConfigurationError, match=r"missing\.pem.*No such file"):
            cipher(mariadb_server, options)


@pytest.mark.mysql
def test_the_certificates_that_mysql_makes_for_itself(mysql_server: RunningServer) -> None:
    ca = str(mysql_server.directory / "data" / "ca.pem")
    assert cipher(mysql_server, TlsOptions(TlsMode.DISABLE)) is None
    assert cipher(mysql_server, TlsOptions(TlsMode.PREFER))
    assert cipher(mysql_server, TlsOptions(TlsMode.VERIFY_CA, ca))
    refused(mysql_server, TlsOptions(TlsMode.VERIFY_FULL, ca))


@pytest.mark.mysql
def test_a_server_that_takes_tls_alone_says_so(mysql_server: RunningServer) -> None:
    with Family(mysql_server).admin() as cursor:  # which goes on without TLS
        cursor.execute("SET GLOBAL require_secure_transport = ON")
        try:
            error = refused(mysql_server, TlsOptions(TlsMode.DISABLE))
        finally:
            cursor.execute("SET GLOBAL require_secure_transport = OFF")
    assert "require or stronger" in str(error)
