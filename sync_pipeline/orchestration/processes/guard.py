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
from dataclasses import dataclass
from http import HTTPStatus

from sync_pipeline.callers import (
    SETTING,
    App,
    Authority,
    Headers,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    is_foreign,
)

GRAPHQL = "/graphql"
MOST_BODY_BYTES = 4 * 2**20
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
        if is_foreign(host, headers) and not _is_opened_page(scope, headers):
            raise Refusal(HTTPStatus.FORBIDDEN, "The UI takes no requests of other sites' pages.")


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
