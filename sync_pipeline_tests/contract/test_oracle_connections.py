"""What goes wrong with Oracle alone; what all engines promise is in `test_errors.py`."""

from __future__ import annotations

import gc
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.errors import (
    ConfigurationError,
    ConnectError,
    ConnectReason,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from workbench.servers import tns
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.running import free_port

PASSWORD = "s3cret-of-the-monitor"
SECONDS = 1.0
"""How long one that never answers is waited for."""
SECONDS_TO_ANSWER = 20.0
"""How long one that answers is waited for, however slow the machine; it takes none of it.

Whoever escapes the other limit takes longer than this, too: see `tns`.
"""
GRACE_SECONDS = 10.0


def target(
    port: int,
    host: str = "127.0.0.1",
    tls: TlsOptions | None = None,
    seconds: float = SECONDS_TO_ANSWER,
) -> Target:
    instance = Instance(
        1,
        "erp",
        EngineName.ORACLE,
        host,
        port,
        "monitor",
        database="ERP",
        tls=tls or TlsOptions(TlsMode.DISABLE),
        timeouts=Timeouts(connect_seconds=seconds),
    )
    return Target(instance, "watcher", Secret(PASSWORD), 5)


def refused(
    port: int,
    host: str = "127.0.0.1",
    tls: TlsOptions | None = None,
    seconds: float = SECONDS_TO_ANSWER,
) -> SyncError:
    started = time.monotonic()
    with pytest.raises(SyncError) as caught:
        Oracle().connect(target(port, host, tls, seconds))
    assert time.monotonic() - started < SECONDS_TO_ANSWER
    error = caught.value
    assert error.instance == "erp"
    assert error.hint
    assert PASSWORD not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
    return error


def reason(error: SyncError) -> ConnectReason:
    assert isinstance(error, ConnectError)
    return error.reason


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    """Check that no thread of a connection is left, and no socket of it."""
    before = descriptors()
    gc.freeze()  # what was there before holds nothing of the test, and is most of all
    yield
    gc.collect()
    gc.unfreeze()
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        threads = [item.name for item in threading.enumerate() if item.name.startswith("oracle")]
        if not threads and descriptors() <= before:
            return
        time.sleep(0.05)
    pytest.fail(f"left behind: {threads}, {descriptors() - before} descriptors")


@pytest.mark.parametrize("answer", [tns.silent, tns.asking_again, tns.dripping, tns.saying(b"\0")])
def test_a_port_that_never_ends_the_handshake_is_a_timeout(answer: tns.Answer) -> None:
    with tns.listener(answer) as port:
        error = refused(port, seconds=SECONDS)
    assert reason(error) is ConnectReason.TIMEOUT
    assert "within 1 seconds" in str(error)


@pytest.mark.parametrize("answer", [tns.closing, tns.closing_after_question])
def test_a_server_that_hangs_up_is_a_lost_connection(answer: tns.Answer) -> None:
    with tns.listener(answer) as port:
        error = refused(port)
    assert reason(error) is ConnectReason.LOST
    assert error.retryable


@pytest.mark.parametrize(
    "answer",
    [
        tns.unknown_packet,
        tns.saying(b"5.5.5-10.11.6-MariaDB"),
        tns.saying(tns.GARBAGE),
        tns.saying(b"HTTP/1.1 400 Bad Request\r\n" * 900),
        tns.saying(b"\0" * 4000),
        tns.saying(b"\xff" * 70000),
    ],
)
def test_another_product_behind_the_port_is_not_supported(answer: tns.Answer) -> None:
    with tns.listener(answer) as port:
        error = refused(port)
    assert isinstance(error, UnsupportedServer)
    assert "Correct the instance's engine or port." in str(error)


def test_a_refusal_without_a_reason_is_a_refusal() -> None:
    with tns.listener(tns.broken_refusal) as port:
        assert isinstance(refused(port), ConnectError)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (12514, ConnectReason.REFUSED),
        (12505, ConnectReason.REFUSED),
        (12520, ConnectReason.TOO_MANY),
        (12516, ConnectReason.TOO_MANY),
        (12528, ConnectReason.REFUSED),
        (12999, ConnectReason.REFUSED),
    ],
)
def test_a_listener_that_refuses_says_why(code: int, expected: ConnectReason) -> None:
    with tns.listener(tns.refusing(code)) as port:
        error = refused(port)
    assert reason(error) is expected
    assert f"ORA-{code}" in str(error)


def test_a_service_that_is_not_registered_names_what_to_correct() -> None:
    with tns.listener(tns.refusing(12514)) as port:
        assert "instances edit --database" in str(refused(port))


def test_a_resolver_that_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        release.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert reason(refused(1521, "slow.example", seconds=SECONDS)) is ConnectReason.TIMEOUT
        (left,) = (item for item in threading.enumerate() if item.name == "resolve slow.example")
        assert left.daemon
    finally:
        release.set()


def test_an_instance_without_a_service_name_is_a_configuration_error() -> None:
    instance = Instance(1, "erp", EngineName.ORACLE, "127.0.0.1", 1521, "monitor")
    with pytest.raises(ConfigurationError) as caught:
        Oracle().connect(Target(instance, "watcher", Secret(PASSWORD), 5))
    assert "service name" in str(caught.value)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("oracle") / "trusted", "localhost")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("oracle") / "stranger", "db.example")


def server_context(who: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(who.certificate, who.key)
    return context


@pytest.mark.parametrize(
    ("mode", "server", "ca", "expected"),
    [
        # The listener behind TLS refuses with 12514: that it was asked shows that TLS was made.
        (TlsMode.REQUIRE, "trusted", None, ConnectReason.REFUSED),
        (TlsMode.REQUIRE, "stranger", "trusted", ConnectReason.REFUSED),
        (TlsMode.VERIFY_CA, "trusted", "trusted", ConnectReason.REFUSED),
        (TlsMode.VERIFY_CA, "trusted", None, ConnectReason.TLS),
        (TlsMode.VERIFY_CA, "stranger", "trusted", ConnectReason.TLS),
        (TlsMode.VERIFY_CA, "stranger", "stranger", ConnectReason.REFUSED),
        (TlsMode.VERIFY_FULL, "trusted", "trusted", ConnectReason.REFUSED),
        (TlsMode.VERIFY_FULL, "stranger", "stranger", ConnectReason.TLS),
        (TlsMode.VERIFY_FULL, "stranger", "trusted", ConnectReason.TLS),
    ],
)
def test_each_tls_mode_checks_what_it_says(
    mode: TlsMode,
    server: str,
    ca: str | None,
    expected: ConnectReason,
    request: pytest.FixtureRequest,
) -> None:
    who: Authority = request.getfixturevalue(server)
    given = request.getfixturevalue(ca).ca if ca else None
    tls = TlsOptions(mode, ca_file=str(given) if given else None)
    with tns.listener(tns.refusing(12514), server_context(who)) as port:
        error = refused(port, "localhost", tls)
    assert reason(error) is expected
    assert error.retryable is (expected is not ConnectReason.TLS)


@pytest.mark.parametrize("mode", [TlsMode.REQUIRE, TlsMode.VERIFY_FULL])
def test_tls_asked_of_a_listener_without_it_is_a_tls_error(mode: TlsMode) -> None:
    with tns.listener(tns.refusing(12514)) as port:
        assert reason(refused(port, tls=TlsOptions(mode))) is ConnectReason.TLS


def test_tls_asked_of_a_silent_port_is_a_timeout() -> None:
    with tns.listener(tns.silent) as port:
        error = refused(port, tls=TlsOptions(TlsMode.REQUIRE), seconds=SECONDS)
    assert reason(error) is ConnectReason.TIMEOUT


@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.PREFER])
def test_the_weak_modes_speak_plain_tcp(mode: TlsMode) -> None:
    with tns.listener(tns.refusing(12514)) as port:
        assert reason(refused(port, tls=TlsOptions(mode))) is ConnectReason.REFUSED


def test_prefer_speaks_tls_where_the_port_does(stranger: Authority) -> None:
    with tns.listener(tns.refusing(12514), server_context(stranger)) as port:
        assert reason(refused(port, tls=TlsOptions(TlsMode.PREFER))) is ConnectReason.REFUSED


@pytest.mark.parametrize("ca_file", ["/nowhere/ca.pem", __file__])
def test_a_ca_file_that_can_not_be_used_is_a_configuration_error(ca_file: str) -> None:
    error = refused(free_port(), tls=TlsOptions(TlsMode.VERIFY_CA, ca_file=ca_file))
    assert isinstance(error, ConfigurationError)


def test_a_directory_with_a_pem_wallet_serves_as_ca_file(
    trusted: Authority, tmp_path: Path
) -> None:
    (tmp_path / "ewallet.pem").write_bytes(
        trusted.key.read_bytes() + trusted.certificate.read_bytes() + trusted.ca.read_bytes()
    )
    tls = TlsOptions(TlsMode.VERIFY_FULL, ca_file=str(tmp_path))
    with tns.listener(tns.refusing(12514), server_context(trusted)) as port:
        assert reason(refused(port, "localhost", tls)) is ConnectReason.REFUSED


WALLET_PASSWORD = "wallet-Passw0rd"


def wallet(directory: Path, made: Authority, password: str) -> TlsOptions:
    """Make a wallet as Autonomous Database gives it: its key is encrypted."""
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    (directory / "ewallet.pem").write_bytes(
        encrypted + made.certificate.read_bytes() + made.ca.read_bytes()
    )
    return TlsOptions(TlsMode.VERIFY_FULL, ca_file=str(directory))


def opened(port: int, tls: TlsOptions, password: str) -> SyncError:
    asked = replace(
        target(port, "localhost", tls),
        options={"oracle_wallet_password": password} if password else {},
    )
    assert WALLET_PASSWORD not in repr(asked)
    with pytest.raises(SyncError) as caught:
        Oracle().connect(asked)
    assert WALLET_PASSWORD not in f"{caught.value!r} {caught.value} {caught.value.hint}"
    return caught.value


def test_the_password_of_a_wallet_opens_its_key(trusted: Authority, tmp_path: Path) -> None:
    tls = wallet(tmp_path, trusted, WALLET_PASSWORD)
    with tns.listener(tns.refusing(12514), server_context(trusted)) as port:
        assert reason(opened(port, tls, WALLET_PASSWORD)) is ConnectReason.REFUSED


@pytest.mark.parametrize(
    ("password", "said", "advice"),
    [
        ("", "the key in", "Set SYNC_PIPELINE_ORACLE_WALLET_PASSWORD"),
        ("wrong", "its password does not open", "Correct SYNC_PIPELINE_ORACLE_WALLET_PASSWORD"),
    ],
)
def test_what_is_wrong_with_a_wallet_is_said(
    trusted: Authority, tmp_path: Path, password: str, said: str, advice: str
) -> None:
    tls = wallet(tmp_path, trusted, WALLET_PASSWORD)
    error = opened(free_port(), tls, password)
    assert isinstance(error, ConfigurationError)
    assert said in str(error)
    assert str(tmp_path) in str(error)
    assert advice in str(error.hint)


def test_a_wallet_that_thin_mode_can_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "cwallet.sso").write_bytes(b"binary")
    error = opened(free_port(), TlsOptions(TlsMode.VERIFY_FULL, ca_file=str(tmp_path)), "x")
    assert isinstance(error, ConfigurationError)
    assert "has no ewallet.pem; it has cwallet.sso, which thin mode can't read" in str(error)


ATTEMPT = """
import sys
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.errors import SyncError
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret

port, thin_first, *tls = sys.argv[1:]
instance = Instance(1, "erp", EngineName.ORACLE, "127.0.0.1", int(port), "c", database="ERP",
                    timeouts=Timeouts(connect_seconds=1))
options = {"oracle_client": "/nowhere/instantclient"}
for given in ([{}] if thin_first == "yes" else []) + [options]:
    try:
        Oracle().connect(Target(instance, "u", Secret("p"), 5, given))
    except SyncError as error:
        print(type(error).__name__, error)
"""


def attempt(port: int, thin_first: str) -> list[str]:
    """Run in a process of its own: a process has one mode of the driver."""
    found = subprocess.run(
        [sys.executable, "-c", ATTEMPT, str(port), thin_first],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return found.stdout.splitlines()


def test_client_libraries_that_are_not_there_name_the_setting() -> None:
    (line,) = attempt(free_port(), "no")
    assert line.startswith("ConfigurationError")
    assert "/nowhere/instantclient" in line
    assert "SYNC_PIPELINE_ORACLE_CLIENT" in line


def test_the_mode_of_a_process_can_not_change() -> None:
    _, line = attempt(free_port(), "yes")
    assert line.startswith("ConfigurationError")
    assert "SYNC_PIPELINE_ORACLE_CLIENT" in line


def test_a_connection_that_was_given_up_does_not_keep_the_process() -> None:
    with tns.listener(tns.silent) as port:
        started = time.monotonic()
        (line,) = subprocess.run(
            [sys.executable, "-c", ATTEMPT.replace("+ [options]", ""), str(port), "yes"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout.splitlines()
        assert time.monotonic() - started < 20
    assert line.startswith("ConnectError")
