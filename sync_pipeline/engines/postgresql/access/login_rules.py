"""Which lines of pg_hba.conf are in force, and what they let happen. Pure.

Manual, "The pg_hba.conf File": the first line that fits a connection decides, whatever follows;
`all` as a database does not mean `replication`, and `host` means TLS as well as none. The method
`md5` is no weakness: where a password is kept as SCRAM, a login by it is one by SCRAM.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sync_pipeline.engines.access.contract import LoginRule
from sync_pipeline.engines.access.links import reach
from sync_pipeline.engines.postgresql.access.told import text, texts, told
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
_Place = tuple[str, int, int]
"""A word and nothing more, or the version of IP, the length of a prefix and its bits. What is no
address of the file begins with `/`, as none of these does."""


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

    @property
    def place(self) -> _Place:
        """Return what tells apart from where clients fit."""
        if self.type == "local":
            return "/local", 0, 0
        net = self.net
        if net is not None:
            return _masked(net, net.prefixlen)
        # A word with a mask is none of the server's, and covers nothing.
        return "" if self.netmask else self.address, 0, 0

    @property
    def places(self) -> Iterator[_Place]:
        """Yield the places of lines that fit wherever this one does."""
        yield self.place
        if self.type != "local":
            yield _ALL, 0, 0
        for length in range(self.net.prefixlen if self.net else 0):
            yield _masked(self.net, length)

    @cached_property
    def of(self) -> frozenset[str]:
        """Return the databases as a set."""
        return frozenset(self.databases)

    @cached_property
    def who(self) -> frozenset[str]:
        """Return the users as a set."""
        return frozenset(self.users)

    def is_for_databases_of(self, other: Line) -> bool:
        """Return whether it is for all databases of another line."""
        if not (_ALL in self.of or self.of.issuperset(other.databases[:1])):
            return False
        left = other.of - self.of
        return not left or (_ALL in self.of and _REPLICATION not in left)

    def is_for_users_of(self, other: Line) -> bool:
        """Return whether it is for all users of another line."""
        return _ALL in self.who or self.who >= other.who

    def fits_before(self, other: Line) -> bool:
        """Return whether it also fits each way in which a client of another line connects."""
        return self.type == other.type or (self.type == "host" and other.type.startswith("host"))


class _Before:
    """The lines before one, found by where they fit and for whom.

    Of thousands of lines, each is compared with those few alone that could have decided.
    """

    def __init__(self, superusers: Mapping[str, frozenset[str]]) -> None:
        self._superusers = superusers
        self._by_user: dict[tuple[_Place, str], list[Line]] = defaultdict(list)
        self._of_superusers: dict[_Place, list[tuple[Line, frozenset[str]]]] = defaultdict(list)

    def add(self, line: Line) -> None:
        """Add the line that comes next."""
        place = line.place
        if not place[0]:
            return
        for user in line.who:
            self._by_user[place, user].append(line)
        named = line.who & self._superusers.keys()
        if named:
            who = frozenset().union(*(self._superusers[name] for name in named))
            self._of_superusers[place].append((line, who))

    def deciding(self, line: Line) -> Iterator[Line]:
        """Yield those that every connection fits which fits a line, but for its TLS."""
        users = {_ALL, *line.users[:1]}
        for place in line.places:
            for user in users:
                for item in self._by_user.get((place, user), ()):
                    if item.is_for_databases_of(line) and item.is_for_users_of(line):
                        yield item

    def superusers(self, line: Line) -> frozenset[str]:
        """Return the superusers who come as far as a line, and fit it."""
        named = line.who & self._superusers.keys()
        found = frozenset().union(*(self._superusers[name] for name in named))
        for place in line.places if found else ():
            for item, who in self._of_superusers.get(place, ()):
                if item.fits_before(line) and item.is_for_databases_of(line):
                    found -= who
        return found


def login_rules(world: AccessWorld) -> Iterator[LoginRule]:
    """Yield the lines that let somebody in, as far as they were read."""
    before = _Before(_superusers(world))
    for line in _lines(world.server.each(NAME)):
        decided = list(before.deciding(line))
        if line.method != "reject" and not any(item.fits_before(line) for item in decided):
            yield _rule(line, decided, lets_superusers=bool(before.superusers(line)))
        before.add(line)


def _rule(line: Line, decided: Sequence[Line], *, lets_superusers: bool) -> LoginRule:
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
        lets_superusers=lets_superusers and line.databases != (_REPLICATION,),
    )


def _superusers(world: AccessWorld) -> Mapping[str, frozenset[str]]:
    """Return the superusers who log in, by each word by which a line may mean them.

    That is their name, a group of theirs (`+group`), or all.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for name, state in world.accounts.items():
        if state.is_superuser and state.can_login:
            roles = reach(name, lambda item: _roles(world, item))
            for word in (_ALL, name, *(f"+{role}" for role in roles)):
                found[word].add(name)
    return {word: frozenset(names) for word, names in found.items()}


def _roles(world: AccessWorld, name: str) -> Iterator[tuple[str, str]]:
    state: AccountState | None = world.accounts.get(name)
    return ((item.role, "") for item in (state.memberships if state else ()))


def _lines(facts: Iterable[ServerFact]) -> Iterator[Line]:
    """Yield the lines in their order; what is none, is the server's lie, and nothing is told."""
    for fact in facts:
        value = told(fact)
        kind = text(value.get("type"))
        databases, users = texts(value.get("databases")), texts(value.get("users"))
        if kind is None or databases is None or users is None:
            continue
        parts = (value.get(name) for name in ("address", "netmask", "method"))
        address, netmask, method = (text(item) or "" for item in parts)
        number = text(str(value.get("line"))) or ""
        yield Line(number, kind, databases, users, address, netmask, method)


def _masked(net: Net | None, length: int) -> _Place:
    """Return the network of this length that a network lies in, as a place."""
    if net is None:
        return "", 0, 0
    return f"/{net.version}", length, int(net.network_address) >> (net.max_prefixlen - length)


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
