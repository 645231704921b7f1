"""Certificates that Python 3.13 calls malformed: refused with a sentence, or taken by choice.

An older Python is made as strict as 3.13 by the fixture `as_python_3_13`.
"""

from __future__ import annotations

import http.server
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sync_pipeline import certificates
from sync_pipeline.certificates import SETTING, client_context
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.errors import ConnectError, ConnectReason, DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.settings import Settings, SmtpTls
from workbench.benches.alerts_bench import channels_of
from workbench.servers import mariadb, tns
from workbench.servers.inboxes import mail_inbox
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.running import RunningServer

ALERT = Alert("subject", "text", {"event": "test"})
WHAT = "Missing Authority Key Identifier"


@pytest.fixture(scope="module")
def companys(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("tls") / "company"
    return authority(directory, "127.0.0.1", is_complete=False)


OF_CHILDREN = """
import ssl
make = ssl.create_default_context
def strict(*arguments, **options):
    context = make(*arguments, **options)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context
ssl.create_default_context = strict
"""
"""The same for the process of a driver, which begins with a module of this name."""


@pytest.fixture
def as_python_3_13(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("site")
    (directory / "sitecustomize.py").write_text(OF_CHILDREN)
    monkeypatch.setenv("PYTHONPATH", str(directory), prepend=os.pathsep)
    make = ssl.create_default_context

    def strict(*arguments: object, **options: object) -> ssl.SSLContext:
        context = make(*arguments, **options)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


pytestmark = pytest.mark.usefixtures("as_python_3_13")


def server_context(own: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    return context


@contextmanager
def web_server(own: Authority) -> Iterator[str]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.HTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that hangs up."""

    with Server(("127.0.0.1", 0), Answer) as server:
        server.socket = server_context(own).wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def send(values: Settings) -> None:
    for channel in channels_of(values):
        channel.send(ALERT)


def check_both(of: Callable[[bool], Settings]) -> None:
    with pytest.raises(DeliveryError, match=WHAT) as caught:
        send(of(False))
    assert SETTING in str(caught.value)
    send(of(True))


@pytest.mark.parametrize("kind", ["alert_webhook_url", "alert_slack_url"])
def test_a_webhook_s_certificate(
    kind: str, companys: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(companys.ca))
    with web_server(companys) as url:
        check_both(lambda relaxed: settings(**{kind: url, "relaxed_certificates": relaxed}))


@pytest.mark.parametrize("tls", [SmtpTls.STARTTLS, SmtpTls.TLS])
def test_a_mail_server_s_certificate(
    tls: SmtpTls, companys: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(companys.ca))
    with mail_inbox(server_context(companys), implicit=tls is SmtpTls.TLS) as inbox:
        check_both(
            lambda relaxed: settings(
                alert_email_to="a@b.example",
                alert_email_from="c@d.example",
                alert_smtp_host="127.0.0.1",
                alert_smtp_port=inbox.port,
                alert_smtp_tls=tls,
                relaxed_certificates=relaxed,
            )
        )
    assert len(inbox.mails) == 1


def target(
    engine: EngineName,
    port: int,
    tls: TlsOptions,
    user: RunningServer | None = None,
    **options: str,
) -> Target:
    instance = Instance(
        1,
        "erp",
        engine,
        "localhost" if engine is EngineName.ORACLE else "127.0.0.1",
        port,
        "c",
        database="ERP" if engine is EngineName.ORACLE else None,
        tls=tls,
        timeouts=Timeouts(connect_seconds=5),
    )
    name, password = (user.admin_user, user.admin_password) if user else ("u", "p")
    return Target(instance, name, Secret(password), 10, options)


def refused(connect: Callable[[], object]) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        connect()
    return caught.value


@pytest.mark.parametrize("mode", [TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_oracle_s_certificate(mode: TlsMode, tmp_path: Path) -> None:
    companys = authority(tmp_path / "company", "localhost", is_complete=False)
    tls = TlsOptions(mode, str(companys.ca))
    with tns.listener(tns.refusing(12514), server_context(companys)) as port:
        error = refused(lambda: Oracle().connect(target(EngineName.ORACLE, port, tls)))
        assert error.reason is ConnectReason.TLS
        assert not error.retryable
        assert WHAT in str(error)
        assert SETTING in str(error)
        relaxed = target(EngineName.ORACLE, port, tls, **{certificates.OPTION: "yes"})
        # The listener behind TLS refuses: that it was asked shows that TLS was made.
        assert refused(lambda: Oracle().connect(relaxed)).reason is ConnectReason.REFUSED


@pytest.mark.mariadb
def test_a_certificate_of_mariadb(
    companys: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = mariadb.installation()
    assert found is not None
    companys.key.chmod(0o644)
    options = [f"--ssl-cert={companys.certificate}", f"--ssl-key={companys.key}"]
    directory = tmp_path_factory.mktemp("mariadb") / "server"
    with mariadb.run_mariadb(found, directory, options) as server:

        def connect(mode: TlsMode, **more: str) -> None:
            tls = TlsOptions(mode, str(companys.ca))
            MariaDb().connect(target(EngineName.MARIADB, server.port, tls, server, **more)).close()

        error = refused(lambda: connect(TlsMode.VERIFY_FULL))
        assert WHAT in str(error)
        assert SETTING in str(error)
        connect(TlsMode.VERIFY_FULL, **{certificates.OPTION: "yes"})
        # For the certificates that MySQL makes for itself this mode has never been strict.
        connect(TlsMode.VERIFY_CA)


def test_what_is_relaxed_is_strictness_alone(companys: Authority) -> None:
    relaxed = client_context(is_relaxed=True)
    assert relaxed.verify_mode is ssl.CERT_REQUIRED
    assert relaxed.check_hostname
    assert not relaxed.verify_flags & ssl.VERIFY_X509_STRICT
    assert client_context().verify_flags & ssl.VERIFY_X509_STRICT
    with web_server(companys) as url, pytest.raises(DeliveryError) as caught:
        send(settings(alert_webhook_url=url, relaxed_certificates=True))
    assert "SSLCertVerificationError" in str(caught.value)
    assert SETTING not in str(caught.value)


def test_the_authority_of_the_tests_is_complete(tmp_path: Path) -> None:
    own = authority(tmp_path / "own", "localhost")
    with tns.listener(tns.refusing(12514), server_context(own)) as port:
        tls = TlsOptions(TlsMode.VERIFY_FULL, str(own.ca))
        error = refused(lambda: Oracle().connect(target(EngineName.ORACLE, port, tls)))
    assert error.reason is ConnectReason.REFUSED


def test_no_other_place_makes_a_context() -> None:
    root = Path(certificates.__file__).parent
    makers = ("create_default_context", "SSLContext(", "create_stdlib_context")
    found = {
        path.name
        for path in root.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in makers)
    }
    assert found == {"certificates.py"}
