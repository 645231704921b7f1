"""Places of secrets on loopback, by their documented interfaces: none of them can be had here.

Vault speaks HTTP (developer.hashicorp.com/vault/api-docs), Azure Key Vault HTTPS
(learn.microsoft.com/rest/api/keyvault/secrets). AWS is moto's server, a program of its own.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, object]
Answering = Callable[[str, str, dict[str, Any], dict[str, str]], Answer]
"""Given a method, a path, a body and headers in small letters, returns a status and JSON."""


@contextmanager
def answered(answer: Answering, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a web server that answers in JSON; return its port."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, found = answer(self.command, self.path, json.loads(body or b"{}"), headers)
            data = json.dumps(found).encode()
            self.send_response(status)
            if status == 401:
                self.send_header("www-authenticate", str(found))
            if status // 100 == 3:
                self.send_header("location", str(found))
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@dataclass
class FakeVault:
    """A Vault with a KV store of each version and a database engine, and what it was asked."""

    tokens: set[str] = field(default_factory=lambda: {"root"})
    kv: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    lease_seconds: int = 3600
    is_renewable: bool = True
    status: int = 0
    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    port: int = 0
    _made: int = 0

    def __post_init__(self) -> None:
        self.may_answer.set()

    def answer(
        self, method: str, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> Answer:
        self.asked.append(f"{method} {path}")
        self.namespaces.append(headers.get("x-vault-namespace", ""))
        self.may_answer.wait(60)
        if self.status:
            return self.status, {"errors": ["the token root is sealed"]}
        if path.startswith("/v1/auth/"):
            return self._login(path, body)
        if headers.get("x-vault-token") not in self.tokens:
            return 403, {"errors": ["permission denied for token root"]}
        if path == "/v1/sys/leases/renew":
            if not self.is_renewable:
                return 400, {"errors": ["lease is not renewable"]}
            return 200, {"lease_id": body["lease_id"], "lease_duration": self.lease_seconds}
        return self._read(path.removeprefix("/v1/"))

    def _login(self, path: str, body: dict[str, Any]) -> Answer:
        method = path.split("/")[3]
        expected = {"approle": ("role_id", "secret_id"), "kubernetes": ("role", "jwt")}[method]
        if self.roles.get(body[expected[0]]) != body.get(expected[1]):
            return 400, {"errors": ["invalid role or secret ID"]}
        self._made += 1
        token = f"token-{self._made}"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": 60}}

    def _read(self, path: str) -> Answer:
        if path.startswith("database/creds/"):
            self._made += 1
            data = {"username": f"v-{self._made}", "password": f"leased-{self._made}"}
            lease = f"{path}/{self._made}"
            return 200, {"lease_id": lease, "lease_duration": self.lease_seconds, "data": data}
        if path not in self.kv:
            return 404, {"errors": []}
        data = self.kv[path]
        if "/data/" in path:
            data = {"data": data, "metadata": {"version": 1}}
        return 200, {"lease_id": "", "lease_duration": 0, "data": data}


@contextmanager
def vault() -> Iterator[FakeVault]:
    """Run a Vault."""
    made = FakeVault()
    with answered(made.answer) as made.port:
        yield made
