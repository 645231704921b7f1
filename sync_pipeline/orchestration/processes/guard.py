"""Who may speak to the UI: the check that stands before Dagster's webserver.

The webserver has no login, and it answers on loopback, where every page in a local browser
can send requests too. It does what a GET, a form or a WebSocket of any page asks, under
whatever name it was reached. So nothing passes here unless it names an allowed host and
comes from the UI's own pages, or from a program that is no browser (which sends none of
the headers `Origin` and `Sec-Fetch-Site`).

What a browser sends for whom: Fetch Standard, section 3.1 (Origin), and Fetch Metadata
Request Headers (`Sec-Fetch-*`). What names a host: RFC 9112, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Any, Self

from sync_pipeline.errors import ConfigurationError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

GRAPHQL = "/graphql"
MOST_BODY_BYTES = 4 * 2**20
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": 80, "https": 443}
SETTING = "SYNC_PIPELINE_UI_ALLOWED_HOSTS"

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.*)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What other pages may open in a tab of its own, as a link in an alert does: never data.
_NO_PAGE = re.compile(r"/(graphql|logs|notebook|dagit|download_debug|report_asset|server_info)")
_POLICY = {
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}


class Refusal(Exception):
    """A request that does not pass, with the status and the sentence of the answer."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and, where it is given, a port, as `Host`, `Origin` and the setting name them."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what a text names, in one form for all spellings; None where it is not one."""
        match = _HOST.fullmatch(text.lower())
        if match is None:
            return None
        host = _host(match)
        port = int(match["port"]) if match["port"] else None
        if not host or (port is not None and not 0 < port < 2**16):
            return None
        return cls(host, port)

    def at(self, scheme: str) -> Self:
        """Return it with the port that it has in a URL of a scheme."""
        return type(self)(self.host, self.port or DEFAULT_PORTS[scheme])


def allowed_hosts(address: str, port: int, names: Iterable[str]) -> frozenset[Authority]:
    """Return what requests may name: this machine, the UI's own address, and the setting's.

    A name without a port also stands for the ports of http and https, and for the UI's own.

    Raises:
        ConfigurationError: a name is not a host with or without a port.
    """
    found = {Authority(host, port) for host in LOOPBACK}
    named = [_named(name) for name in names]
    own = Authority.parse(f"[{address}]" if ":" in address else address)
    if own is not None and not _is_any(own.host):
        found.add(Authority(own.host, port))
    for item in named:
        ports = (item.port,) if item.port else (*DEFAULT_PORTS.values(), port)
        found.update(Authority(item.host, number) for number in ports)
    # The port of http or https is not written.
    return frozenset(found | {Authority(item.host) for item in found if item.port in (80, 443)})


def _named(text: str) -> Authority:
    authority = Authority.parse(text)
    if authority is None:
        raise ConfigurationError(
            f"{text!r} in {SETTING} is not a host name or address, with or without a port.",
            hint="Write ui.example.net, ui.example.net:8443 or [2001:db8::1]; no URL, no pattern.",
        )
    return authority


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application that lets through what may pass to another one."""

    app: App
    allowed: frozenset[Authority]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is refused."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            headers = Headers(scope)
            self._check_source(scope, headers)
            if scope["type"] == "http":
                _check_request(scope, headers)
        except Refusal as refusal:
            await _refuse(scope, send, refusal)
            return
        # The webserver would read a query from it. Its pages read theirs in the browser.
        await self.app({**scope, "query_string": b""}, receive, _guarded(send))

    def _check_source(self, scope: Scope, headers: Headers) -> None:
        host = Authority.parse(headers.only("host") or "")
        if host is None or host not in self.allowed:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                f"The UI does not answer under this host name. Where it should, add the name to "
                f"{SETTING} and start it again.",
            )
        if not scope["path"].startswith("/") or _CONTROL.search(scope["path"]):
            raise Refusal(HTTPStatus.BAD_REQUEST, "This is not a path of the UI.")
        if _is_foreign(host, headers) and not _is_opened_page(scope, headers):
            raise Refusal(HTTPStatus.FORBIDDEN, "The UI takes no requests of other sites' pages.")


class Headers:
    """The headers of a request, each of which counts once."""

    def __init__(self, scope: Scope) -> None:
        self._pairs = [(name.lower(), value) for name, value in scope["headers"]]

    def only(self, name: str) -> str | None:
        """Return a header that may be there once; None where it is not.

        Raises:
            Refusal: it is there twice, and two programs could each read another one.
        """
        values = [value for key, value in self._pairs if key == name.encode()]
        if len(values) > 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"The header {name} is given twice.")
        return values[0].decode("latin-1") if values else None


def _host(match: re.Match[str]) -> str:
    if match["six"] is None:
        return match["name"].removesuffix(".")
    try:
        return str(IPv6Address(match["six"]))
    except ValueError:
        return ""


def _is_any(host: str) -> bool:
    """Return whether an address stands for all addresses of this machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_foreign(host: Authority, headers: Headers) -> bool:
    """Return whether a browser says that the request is not of one of the UI's own pages."""
    site = headers.only("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        return True
    origin = headers.only("origin")
    if origin is None:
        return False
    match = _ORIGIN.fullmatch(origin)
    named = Authority.parse(match[2]) if match else None
    return match is None or named is None or named.at(match[1]) != host.at(match[1])


def _is_opened_page(scope: Scope, headers: Headers) -> bool:
    """Return whether a link of another page was opened; nothing is done, and it can't read."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.only("origin") is None
        and headers.only("sec-fetch-mode") == "navigate"
        and headers.only("sec-fetch-dest") == "document"
        and _NO_PAGE.match(scope["path"]) is None
    )


def _check_request(scope: Scope, headers: Headers) -> None:
    """Let through what the UI's pages need: reading pages, and JSON posted to GraphQL."""
    is_graphql = scope["path"] == GRAPHQL
    if scope["method"] == "POST" and is_graphql:
        _check_body(headers)
    elif scope["method"] not in ("GET", "HEAD"):
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "The UI takes no such requests here.")
    elif is_graphql and "text/html" not in (headers.only("accept") or ""):
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Post a GraphQL query as application/json.")


def _check_body(headers: Headers) -> None:
    # A page of another site can send forms and text without asking, but not this.
    media_type = (headers.only("content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Post the query as application/json.")
    length = headers.only("content-length") or ""
    if not re.fullmatch(r"[0-9]{1,9}", length):
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "Say how long the query is.")
    if int(length) > MOST_BODY_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"A query has at most {MOST_BODY_BYTES // 2**20} MiB.",
        )


def _guarded(send: Send) -> Send:
    """Add to every answer what keeps other pages from framing and reading it."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in _POLICY]
            # Beside the policy of Dagster's pages: a browser follows both.
            frames = (b"content-security-policy", b"frame-ancestors 'none'")
            message = {**message, "headers": [*kept, *_POLICY.items(), frames]}
        await send(message)

    return guarded


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before accept: status 403
        return
    start: Message = {
        "type": "http.response.start",
        "status": int(refusal.status),
        "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")],
    }
    await _guarded(send)(start)
    body = b"" if scope["method"] == "HEAD" else f"{refusal.sentence}\n".encode()
    await send({"type": "http.response.body", "body": body})
