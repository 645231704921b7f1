"""Who sends a request to a page of this machine, by what the request says.

A page on loopback is reached by every page in a local browser, under whatever name. So a request
has to name an allowed host, and to come from the page itself, or from a program that is no browser
(which sends none of the headers `Origin` and `Sec-Fetch-Site`).

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

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": 80, "https": 443}
SETTING = "SYNC_PIPELINE_UI_ALLOWED_HOSTS"

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.*)", re.DOTALL)


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


def is_foreign(host: Authority, headers: Headers) -> bool:
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
