"""What stands before every page: limits of a request, who may send it, and what an answer allows.

Nothing of a request is looked at before these.
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
from sync_pipeline.web.asked import MOST_QUERY_BYTES
from sync_pipeline.web.exports import json_text
from sync_pipeline.web.problems import Problem
from sync_pipeline.web.resource import API

MOST_PATH_BYTES = 200
MOST_HEADER_BYTES = 16_384
MOST_BODY_BYTES = 4096
_PATH = re.compile(r"/[A-Za-z0-9/._-]*")
_LENGTH = re.compile(r"[0-9]{1,9}")
# Nothing of a page is loaded from elsewhere, and nothing in it is a script or a style.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    # To other sites none. Of its own pages the console has to know that a form is theirs: with
    # `no-referrer` a browser sends `Origin: null` (Fetch Standard, 3.1).
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
    b"cache-control": b"no-store",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """An ASGI application that lets through what may pass to another one."""

    app: App
    allowed: frozenset[Authority]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is refused."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        try:
            headers = Headers(scope)
            _require_small(scope, headers)
            self._require_own(scope, headers)
        except Refusal as refusal:
            await _refuse(scope, _secured(send), refusal)
            return
        await self.app(scope, receive, _secured(send))

    def _require_own(self, scope: Scope, headers: Headers) -> None:
        host = Authority.parse(headers.only("host") or "")
        if host is None or host not in self.allowed:
            raise Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "The console does not answer under this host name. Where it should, add the name "
                f"to {SETTING} and start it again.",
            )
        if is_foreign(host, headers) and not is_followed_link(scope, headers):
            raise Refusal(
                HTTPStatus.FORBIDDEN, "The console takes no requests of other sites' pages."
            )


def is_followed_link(scope: Scope, headers: Headers) -> bool:
    """Return whether a link on another site's page was followed: to a page, never to the API."""
    return (
        scope["method"] == "GET"
        and headers.only("origin") is None
        and headers.only("sec-fetch-mode") == "navigate"
        and headers.only("sec-fetch-dest") == "document"
        and not scope["path"].startswith(API)
    )


def _require_small(scope: Scope, headers: Headers) -> None:
    if scope["method"] not in ("GET", "HEAD", "POST"):
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "The console only answers.")
    if len(scope["path"]) > MOST_PATH_BYTES or len(scope["query_string"]) > MOST_QUERY_BYTES:
        raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long.")
    if not _PATH.fullmatch(scope["path"]):
        raise Refusal(HTTPStatus.NOT_FOUND, "There is no such page.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers of the request are too large."
        )
    length = headers.only("content-length")
    is_chunked = headers.only("transfer-encoding") is not None
    if is_chunked or not _LENGTH.fullmatch(length or "0") or int(length or 0) > MOST_BODY_BYTES:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large.")


def _secured(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                pair
                for pair in message.get("headers", ())
                if pair[0].lower() not in SECURITY_HEADERS
            ]
            message = {**message, "headers": [*kept, *SECURITY_HEADERS.items()]}
        await send(message)

    return secured


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer with a problem in the API, and with a sentence elsewhere."""
    is_api = scope["path"].startswith(API)
    problem = Problem(refusal.status, refusal.sentence)
    text = json_text(problem.json()) if is_api else f"{refusal.sentence}\n"
    kind = b"application/problem+json" if is_api else b"text/plain; charset=utf-8"
    start: Message = {
        "type": "http.response.start",
        "status": int(refusal.status),
        "headers": [(b"content-type", kind), (b"connection", b"close")],
    }
    await send(start)
    body = b"" if scope["method"] == "HEAD" else text.encode()
    await send({"type": "http.response.body", "body": body})
