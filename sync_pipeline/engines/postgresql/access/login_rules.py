"""Which lines of pg_hba.conf are in force, and what they let happen. Pure.

Manual, "The pg_hba.conf File": the first line that fits a connection decides, whatever follows;
`all` as a database does not mean `replication`, and `host` means TLS as well as none. The method
`md5` is no weakness: where a password is kept as SCRAM, a login by it is one by SCRAM.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sync_pipeline.engines.access.contract import LoginRule
from sync_pipeline.engines.access.links import reach
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.server_fact import ServerFact

NAME = "login_rule"
_ALL, _REPLICATION, _SAME_HOST = "all", "replication", "samehost"
_ENCRYPTED = ("hostssl", "hostgssenc")
_WEAK = {
    "password": "sends the password as it is typed",
    "ident": "asks the client's own machine who is there",
}
_WIDE = {4: 8, 6: 16}
"""Networks with a shorter prefix are more than any one owner has, by the version of IP."""
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
Net = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Line:
    """One line, as the server reads it."""

    number: str
    type: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str
    netmask: str
    method: str

    @cached_property
    def net(self) -> Net | None:
        """Return the network of the line; None: it has a name, or a word, in its place."""
        try:
            return ip_network(f"{self.address}/{_prefix(self.netmask)}", strict=False)
        except ValueError:
            return None

    @property
    def is_local(self) -> bool:
        """Return whether it is about clients on the server's own host alone."""
        if self.type == "local" or self.address == _SAME_HOST:
            return True
        return any(_is_within(self.net, item) for item in _LOOPBACK)

    @property
    def is_wide(self) -> bool:
        """Return whether clients of nearly any address fit."""
        net = self.net
        return self.address == _ALL or (net is not None and net.prefixlen < _WIDE[net.version])

    def __str__(self) -> str:
        where = str(self.net or self.address)
        parts = (self.type, ",".join(self.databases), ",".join(self.users), where, self.method)
        return " ".join(filter(None, parts))

    def covers(self, other: Line) -> bool:
        """Return whether every connection that fits another line, but for its TLS, fits this."""
        return (
            _all_or(self.databases, other.databases, apart=_REPLICATION)
            and _all_or(self.users, other.users)
            and self._covers_address(other)
        )

    def _covers_address(self, other: Line) -> bool:
        if (self.type == "local") != (other.type == "local"):
            return False
        if self.type == "local" or (self.address in (_ALL, other.address) and not self.netmask):
            return True
        return _is_within(other.net, self.net)


def login_rules(world: AccessWorld) -> Iterator[LoginRule]:
    """Yield the lines that let somebody in, as far as they were read."""
    before: list[Line] = []
    superusers = frozenset(_superusers(world))
    for line in _lines(world.server.each(NAME)):
        decided = [item for item in before if item.covers(line)]
        before.append(line)
        if line.method != "reject" and not any(_is_same_way(item, line) for item in decided):
            yield _rule(line, decided, superusers)


def _rule(line: Line, decided: Sequence[Line], superusers: frozenset[str]) -> LoginRule:
    has_tls = line.type in _ENCRYPTED or any(item.type == "hostnossl" for item in decided)
    is_safe = line.is_local or (has_tls and line.method == "password")
    return LoginRule(
        place=f"line {line.number}",
        text=str(line),
        is_local=line.is_local,
        is_wide=line.is_wide,
        is_of_all=_ALL in line.users and _ALL in line.databases,
        is_by_tls=has_tls,
        is_without_password=line.method == "trust",
        weakness="" if is_safe else _WEAK.get(line.method, ""),
        lets_superusers=line.databases != (_REPLICATION,)
        and not superusers.isdisjoint((*line.users, *_superusers_by_all(line, superusers))),
    )


def _superusers_by_all(line: Line, superusers: frozenset[str]) -> Iterable[str]:
    return superusers if _ALL in line.users else ()


def _superusers(world: AccessWorld) -> Iterator[str]:
    """Yield the superusers who log in, and their groups as lines write them: `+group`."""
    for name, state in world.accounts.items():
        if state.is_superuser and state.can_login:
            yield name
            yield from (f"+{role}" for role in reach(name, lambda item: _roles(world, item)))


def _roles(world: AccessWorld, name: str) -> Iterator[tuple[str, str]]:
    state: AccountState | None = world.accounts.get(name)
    return ((item.role, "") for item in (state.memberships if state else ()))


def _lines(facts: Iterable[ServerFact]) -> Iterator[Line]:
    """Yield the lines in their order; what is none, is the server's lie, and nothing is told."""
    for fact in facts:
        try:
            value = json.loads(fact.value)
            databases, users = map(tuple, (value["databases"] or (), value["users"] or ()))
            texts = (value["type"], *databases, *users)
        except (ValueError, TypeError, KeyError):
            continue
        if all(isinstance(item, str) for item in texts):
            parts = (value.get("address"), value.get("netmask"), value.get("method"))
            address, netmask, method = (str(item or "") for item in parts)
            number = str(value.get("line"))
            yield Line(number, value["type"], databases, users, address, netmask, method)


def _is_same_way(earlier: Line, line: Line) -> bool:
    """Return whether the earlier line also fits each way in which a client connects."""
    return earlier.type == line.type or (earlier.type == "host" and line.type.startswith("host"))


def _all_or(wider: Sequence[str], names: Sequence[str], apart: str = "") -> bool:
    left = [name for name in names if not (_ALL in wider and name != apart)]
    return set(left) <= set(wider)


def _is_within(net: Net | None, wider: Net | None) -> bool:
    if net is None or wider is None or net.version != wider.version:
        return False
    return net.subnet_of(wider)  # type: ignore[arg-type]


def _prefix(netmask: str) -> str:
    """Return the length of a mask's prefix, which Python reads for IPv4 alone."""
    if ":" not in netmask:
        return netmask or "none"
    bits = f"{int(ip_address(netmask)):0128b}"
    return str(len(bits.rstrip("0")))
