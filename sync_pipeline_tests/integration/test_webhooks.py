"""What a webhook is sent, by which way, and how little of its answer is taken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.webhook import Webhook
from sync_pipeline_tests.integration.test_certificates import web_server
from workbench.servers.inboxes import web_inbox
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.running import free_port

ALERT = Alert("subject", "text", {"event": "test"})
TOKEN = "T0K3N-in-the-path"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
MUCH = 64 * 2**20


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Rogue:
    """A server that begins with `answer`, and then says `endless` until nobody listens."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0


@contextmanager
def rogue(answer: bytes, endless: bytes) -> Iterator[Rogue]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Rogue(server.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(20)
                    found.requests.append(connection.recv(65536))
                    connection.sendall(answer)
                    while endless and found.sent < MUCH:
                        connection.sendall(endless)
                        found.sent += len(endless)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield found
        finally:
            thread.join()


def failure(url: str) -> str:
    with pytest.raises(DeliveryError) as caught:
        Webhook(url).send(ALERT)
    assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    return str(caught.value)


@pytest.mark.parametrize("status", ["200 OK", "302 Found\r\nLocation: /elsewhere"])
def test_the_body_of_an_answer_is_not_read(status: str) -> None:
    """Nor that of a redirect, which requests reads whole where it does not follow it."""
    with rogue(f"HTTP/1.1 {status}\r\n\r\n".encode(), b"x" * 65536) as server:
        url = f"http://127.0.0.1:{server.port}/{TOKEN}"
        if status.startswith("200"):
            Webhook(url).send(ALERT)
        else:
            assert "answered with the HTTP status 302" in failure(url)
    assert server.sent < MUCH


@pytest.mark.parametrize("endless", [b"x-header: value\r\n", b"x" * 65536])
def test_headers_without_end_are_a_failure(endless: bytes) -> None:
    with rogue(b"HTTP/1.1 200 OK\r\n", endless) as server:
        assert "could not be reached" in failure(f"http://127.0.0.1:{server.port}/{TOKEN}")
    assert server.sent < MUCH


def test_what_is_no_http_is_a_failure() -> None:
    with rogue(b"SSH-2.0-OpenSSH_9.2\r\n", b"") as server:
        assert "127.0.0.1 could not be reached" in failure(f"http://127.0.0.1:{server.port}/")


def test_no_password_of_a_netrc_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password c4nary\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with rogue(b"HTTP/1.1 204 No Content\r\n\r\n", b"") as server:
        Webhook(f"http://127.0.0.1:{server.port}/{TOKEN}").send(ALERT)
    (request,) = server.requests
    assert b"uthorization" not in request
    assert b"Content-Length: " in request
    assert request.startswith(f"POST /{TOKEN} HTTP/1.1\r\n".encode())


def test_nobody_is_trusted_whom_only_requests_would_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: Authority = authority(tmp_path / "tls", "127.0.0.1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(own.ca))
    # The list that comes with requests: certifi's.
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(own.ca))
    with web_server(own) as url:
        assert "SSLCertVerificationError" in failure(f"{url}{TOKEN}")
        monkeypatch.setenv("SSL_CERT_FILE", str(own.ca))
        Webhook(f"{url}{TOKEN}").send(ALERT)


def test_a_certificate_of_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: Authority = authority(tmp_path / "tls", "db.example.net")
    monkeypatch.setenv("SSL_CERT_FILE", str(own.ca))
    with web_server(own) as url:
        assert "SSLCertVerificationError" in failure(f"{url}{TOKEN}")


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_inbox() as proxy, web_inbox() as direct:
        # Of another kind, which nothing here speaks: it was never for this.
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{free_port()}")
        Webhook(f"{direct.url}/a").send(ALERT)
        monkeypatch.setenv("http_proxy", proxy.url)
        Webhook("http://hooks.example.net/b").send(ALERT)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        Webhook(f"{direct.url}/c").send(ALERT)
    assert (direct.paths, proxy.paths) == (["/a", "/c"], ["http://hooks.example.net/b"])
