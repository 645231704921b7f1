"""How much of the console one client may have: connections, and requests that a proxy passes on.

There are 200 connections and 64 requests in all. Without a limit for each address, one client
could have all of them and keep everybody else out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Protocol

_SITE = 64
"""Bits of an IPv6 address that are one network's (RFC 4291, 2.5.4): who has one, has all of it."""


class Shared(Protocol):
    """Counts what each client has: in this process, or in all of one console."""

    def take(self, client: str) -> bool:
        """Take one more for a client; return whether it may have it."""

    def give_back(self, client: str) -> None:
        """Give one back that was taken."""


@dataclass(slots=True)
class Shares:
    """Counts what each client has, of which it may have `most`. An empty name is not counted."""

    most: int
    _of: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def take(self, client: str) -> bool:
        """Take one more for a client; return whether it may have it."""
        with self._lock:
            if client and self._of[client] >= self.most:
                return False
            self._of[client] += bool(client)
            return True

    def give_back(self, client: str) -> None:
        """Give one back that was taken."""
        with self._lock:
            self._of[client] -= bool(client)
            if self._of[client] <= 0:
                del self._of[client]


@dataclass(frozen=True, slots=True)
class Clients:
    """Tells clients apart by their addresses. `proxies` are networks of those that are trusted."""

    proxies: Sequence[str] = ()

    def of_connection(self, address: str) -> str:
        """Return whose a connection is; empty for a proxy, which has those of many."""
        return "" if self.is_proxy(address) else _client(address)

    def of_request(self, address: str, forwarded: Sequence[str]) -> str:
        """Return whose a request is that a proxy passes on; empty for any other one.

        `forwarded` are the values of X-Forwarded-For. It is the last address that was written by a
        trusted proxy: what stands before that, a client can write itself. A request that comes by
        itself counts as a connection does.
        """
        if not self.is_proxy(address):
            return ""
        passed = (item.strip() for item in reversed(",".join(forwarded).split(",")))
        return next((_client(item) for item in passed if not self.is_proxy(item)), "")

    def is_proxy(self, address: str) -> bool:
        """Return whether an address is of a proxy that is trusted."""
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in ip_network(text) for text in self.proxies)


def _client(address: str) -> str:
    """Return what is one client: an IPv4 address, or a network of IPv6 addresses."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    known = getattr(known, "ipv4_mapped", None) or known
    if isinstance(known, IPv6Address) and not known.is_loopback:
        return str(ip_network((int(known), _SITE), strict=False))
    return str(known)
