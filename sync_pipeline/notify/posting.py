"""One POST over HTTP, of whose answer the status is read, and of the body no more than is asked.

`requests` without its sessions: those take passwords from `~/.netrc`, and read the whole body of
a redirect that they don't follow.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Request, Response
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from sync_pipeline.certificates import causes_of, client_context

SECONDS_TO_CONNECT = 10.0
_STANDARD = frozenset({"builtins", "socket", "ssl", "http.client"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: a status, which may be a redirect, and the start of its body.

    `retry_after` is the header of this name as it came, empty where there is none.
    """

    status: int
    retry_after: str = ""
    body: bytes = b""


def post(url: str, body: bytes, *, seconds: float, is_relaxed: bool, most_bytes: int = 0) -> Answer:
    """Post JSON and return the answer, with so much of its body.

    `seconds` are for the connection, and then for each part of the answer; for the body they are
    for all of it. How long all of it takes, the caller limits: a server that dribbles never lets
    it end.

    Raises:
        OSError: the server was not reached, is not whom its certificate has to name, or gave no
            answer.
        ValueError: no request can be made to the URL.
    """
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "sync_pipeline",
        # As for any request without a session: what is not asked for is not compressed.
        "accept-encoding": "identity",
    }
    request = Request("POST", url, headers=headers, data=body).prepare()
    adapter = _Adapter(is_relaxed=is_relaxed)
    try:
        with adapter.send(request, timeout=seconds, proxies=_proxies(request)) as got:
            text = _start_of(got, most_bytes, seconds) if most_bytes else b""
            return Answer(got.status_code, got.headers.get("retry-after", ""), text)
    except (OSError, HTTPError) as error:
        raise _standard(error) from None
    finally:
        adapter.close()


def touch(url: str, *, is_relaxed: bool, seconds: float = SECONDS_TO_CONNECT) -> None:
    """Connect to where a URL leads, with TLS where it says so, and ask for nothing.

    Where the environment names a proxy, that one is connected to: it is what can be tried without
    a request.

    Raises:
        OSError: nobody is there, or not whom the certificate has to name.
        ValueError: no request can be made to the URL.
    """
    proxy = _proxies(Request("POST", url).prepare())
    parts = urlsplit(next(iter(proxy.values()), url))
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    with socket.create_connection((host, parts.port or (443 if is_tls else 80)), seconds) as plain:
        if is_tls:
            context = client_context(is_relaxed=is_relaxed)
            context.wrap_socket(plain, server_hostname=host).close()


def _start_of(got: Response, most: int, seconds: float) -> bytes:
    """Return the start of a body; one that comes too slowly is cut."""
    found = b""
    until = time.monotonic() + seconds
    while len(found) < most and time.monotonic() < until:
        part = got.raw.read1(most - len(found), decode_content=False)
        if not part:
            break
        found += part
    return found


class _Adapter(HTTPAdapter):
    """Trusts whom all of this program trusts, and not the list that comes with requests."""

    def __init__(self, *, is_relaxed: bool) -> None:
        self._context = client_context(is_relaxed=is_relaxed)
        super().__init__()

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        """Connect with our context."""
        super().init_poolmanager(*args, **named, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """Connect with our context through a proxy, and to it."""
        contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        return super().proxy_manager_for(proxy, **named, **contexts)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Add no authorities to the context, which checks by itself."""


def _proxies(request: PreparedRequest) -> dict[str, str]:
    """Return the proxy that the environment names for this kind of URL, if it does for its host."""
    url = request.url or ""
    scheme = urlsplit(url).scheme
    proxy = get_environ_proxies(url).get(scheme)
    return {scheme: proxy} if proxy else {}


def _standard(error: OSError | HTTPError) -> OSError:
    """Return what of Python's own is the cause: its name says more, and it quotes no URL."""
    for cause in causes_of(error):
        if isinstance(cause, OSError) and type(cause).__module__ in _STANDARD:
            return cause
    return error if isinstance(error, OSError) else OSError(type(error).__name__)
