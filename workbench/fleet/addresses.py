"""Which address of the loopback network is which kind of endpoint.

127.0.0.0/8 is all loopback on Linux, so one listener is thousands of hosts.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

_HOSTS_A_NET = 250
_TINY = 1e-9
MOST = _HOSTS_A_NET * _HOSTS_A_NET


class EndpointKind(StrEnum):
    """How an endpoint behaves."""

    LIVE = "live"
    SILENT = "silent"  # accepts the connection and never says a byte
    FATAL = "fatal"  # answers every start with an error
    REFUSED = "refused"  # nothing listens at its port


_SECOND_PART = {
    EndpointKind.LIVE: 10,
    EndpointKind.SILENT: 20,
    EndpointKind.FATAL: 30,
    EndpointKind.REFUSED: 40,
}
_KIND_OF_PART = {f"127.{part}": kind for kind, part in _SECOND_PART.items()}


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of endpoints that are silent, and that refuse: half of these by FATAL."""

    silent: float = 0.05
    refusing: float = 0.02

    def kinds(self, count: int) -> list[EndpointKind]:
        """Return a kind for each of `count` endpoints, spread the same way every time."""
        silent, refusing = round(count * self.silent), round(count * self.refusing)
        fatal = refusing // 2
        kinds = (
            [EndpointKind.SILENT] * silent
            + [EndpointKind.FATAL] * fatal
            + [EndpointKind.REFUSED] * (refusing - fatal)
        )
        kinds += [EndpointKind.LIVE] * (count - len(kinds))
        random.Random(1).shuffle(kinds)
        return kinds

    def counts(self, count: int) -> Counter[EndpointKind]:
        """Return how many endpoints are of each kind."""
        return Counter(self.kinds(count))


def host_of(kind: EndpointKind, number: int) -> str:
    """Return the address of an endpoint.

    Raises:
        ValueError: there are no so many addresses.
    """
    if number >= MOST:
        raise ValueError(f"at most {MOST} endpoints have an address")
    return f"127.{_SECOND_PART[kind]}.{number // _HOSTS_A_NET}.{number % _HOSTS_A_NET + 1}"


def number_of(host: str) -> int:
    """Return the number of the endpoint that has an address of ours."""
    third, fourth = map(int, host.split(".")[2:])
    return third * _HOSTS_A_NET + fourth - 1


def is_changed(number: int, share: float) -> bool:
    """Return whether an endpoint is of a share of all, which is spread evenly."""
    return math.floor((number + 1) * share + _TINY) > math.floor(number * share + _TINY)


def kind_of(host: str) -> EndpointKind | None:
    """Return the kind of the endpoint that has an address; None: not one of ours."""
    return _KIND_OF_PART.get(".".join(host.split(".", 2)[:2]))
