"""Real servers on loopback that take alerts: a web server and a mail server."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from workbench.servers.running import free_port

LONGEST_SILENCE = 60


@dataclass
class WebInbox:
    """What was posted, and how to answer.

    While it is silent it keeps what is posted, notes the key of it as unanswered, and says
    nothing; whoever posted it has to wait until it is released.
    """

    port: int = 0
    scheme: str = "http"
    status: int = 200
    seconds: float = 0
    posted: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False
    unanswered: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@contextmanager
def web_inbox(tls: ssl.SSLContext | None = None) -> Iterator[WebInbox]:
    """Run a web server that keeps the JSON that is posted to it; with a context over TLS."""
    inbox = WebInbox(scheme="https" if tls else "http")

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_silent, post = inbox.is_silent, json.loads(body)
            inbox.posted.append(post)
            inbox.paths.append(self.path)
            if is_silent:
                inbox.unanswered.append(post["message_id"])
                inbox.released.wait(LONGEST_SILENCE)
                self.close_connection = True
                return
            time.sleep(inbox.seconds)
            self.send_response(inbox.status)
            if inbox.status // 100 == 3:
                self.send_header("location", f"{inbox.url}/elsewhere")
            for name, value in inbox.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(inbox.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        inbox.port = server.server_port
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield inbox
        finally:
            server.shutdown()
            thread.join()


@dataclass
class MailInbox:
    """What was handed in, over what, and which addresses are refused.

    `held_at` is the command, RCPT or DATA, whose answer is kept back as long as it is set; a mail
    is there before its answer. `is_held` says that a client waits for one.
    """

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    answer: str = "250 taken"
    held_at: str = ""
    is_held: bool = False

    async def _hold(self, command: str) -> None:
        while self.held_at == command:
            self.is_held = True
            await asyncio.sleep(0.02)
        self.is_held = False

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: object,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        await self._hold("RCPT")
        if address in self.refused:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, session: Session, envelope: Envelope) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.recipients.append(envelope.rcpt_tos)
        self.encrypted.append(session.ssl is not None)
        await self._hold("DATA")
        return self.answer

    def authenticate(self, *arguments: Any) -> AuthResult:
        login = arguments[-1]
        assert isinstance(login, LoginPassword)
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=login.password == b"right", handled=False)


@contextmanager
def mail_inbox(tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> Iterator[MailInbox]:
    """Run a mail server; with a context over TLS, from the first byte where `implicit`."""
    inbox = MailInbox(free_port())
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=inbox.port,
        ssl_context=tls if implicit else None,
        tls_context=None if implicit else tls,
        require_starttls=tls is not None and not implicit,
        authenticator=inbox.authenticate,
        auth_require_tls=tls is not None and not implicit,
    )
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()
