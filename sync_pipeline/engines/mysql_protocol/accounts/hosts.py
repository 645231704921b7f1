"""Which clients the host part of an account lets in, as the two servers compare. Pure.

A host part is an IPv4 network, or a pattern that a client's name or its address must fit.
Sources: MySQL 9.7 Reference Manual, 8.2.4 Specifying Account Names; `compare_hostname` and
`update_hostname` in MySQL's sql/auth/sql_auth_cache.cc and MariaDB's sql/sql_acl.cc. Tests
log in to 10.11, 11.8 and 9.7 from many addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

_TOKEN = re.compile(r"\\(.)|(.)", re.DOTALL)
_NUMBER = re.compile(r"\s*\d{1,9}", re.ASCII)
_OCTETS = range(256)
_BITS = 32
_FULL = 2**_BITS - 1
_NUMERIC = re.compile(r"\d+\.", re.ASCII)
"""How an address begins, and no name of a host: the servers refuse names that do."""

Token = tuple[str, bool]
"""A character, and whether it is a wildcard."""
States = frozenset[int]
"""Where in a pattern a text that was read so far may stand."""


@dataclass(frozen=True, slots=True)
class Network:
    """An IPv4 address and the bits of it that count. `notation`: 0 none, 1 CIDR, 2 netmask."""

    address: int
    mask: int
    notation: int

    def has(self, address: int) -> bool:
        """Return whether an address is in it."""
        return address & self.mask == self.address

    @property
    def is_empty(self) -> bool:
        """Return whether no address can be in it: bits are set that don't count."""
        return bool(self.address & ~self.mask & _FULL)


def address_of(text: str) -> int | None:
    """Return the number of an IPv4 address as the servers read it, with leading zeros."""
    parts = text.split(".")
    if len(parts) != 4 or not all(map(_NUMBER.fullmatch, parts)):  # noqa: PLR2004
        return None
    numbers = [int(part) for part in parts]
    if max(numbers) not in _OCTETS:
        return None
    return int.from_bytes(bytes(numbers), "big")


@lru_cache(maxsize=4096)
def network_of(host: str, *, knows_cidr: bool) -> Network | None:
    """Return the network that a host part stands for; None: it is a pattern, as a text.

    A mask of zeros is none: `0.0.0.0/0.0.0.0` is a text, which no client has. Only MySQL,
    from 8.0.23 on, knows CIDR; it takes an address without a mask for a number too, and a
    netmask with holes for a text.
    """
    base, slash, rest = host.partition("/")
    address = address_of(base)
    if address is None:
        return None
    if not slash:
        return Network(address, _FULL, 0) if knows_cidr else None
    mask, notation = address_of(rest), 2
    if knows_cidr and _NUMBER.fullmatch(rest) and int(rest) <= _BITS:
        mask, notation = _FULL & ~(_FULL >> int(rest)), 1
    has_holes = mask is not None and (~mask & _FULL) & ((~mask & _FULL) + 1) != 0
    if not mask or (knows_cidr and has_holes):
        return None
    return Network(address, mask, notation)


def matches(host: str, address: str | None, name: str | None, *, knows_cidr: bool) -> bool:
    """Return whether a client fits a host part, by its address or by its name.

    A client of the socket has the name `localhost` and no address.
    """
    network = network_of(host, knows_cidr=knows_cidr)
    number = address_of(address) if address is not None else None
    if network is not None and number is not None:
        return network.has(number)
    tokens, lower = _tokens(host), _tokens(host.lower())
    return (
        host == ""
        or (name is not None and _is_end(lower, _read(lower, _start(lower), name.lower())))
        or (address is not None and _is_end(tokens, _read(tokens, _start(tokens), address)))
    )


def lets_nobody_in(host: str, *, knows_cidr: bool) -> bool:
    """Return whether no client can fit: a network without addresses, or a slash in a text."""
    network = network_of(host, knows_cidr=knows_cidr)
    return network.is_empty if network is not None else "/" in host


def is_any_host(host: str) -> bool:
    """Return whether a host part lets every client of IPv4 in, whatever its address."""
    if host == "":
        return True
    tokens = _tokens(host)
    if any(not is_wild and char != "." for char, is_wild in tokens):
        return False
    # Digits only meet wildcards here, so that the lengths of the parts decide.
    shapes = product(("1", "11", "111"), repeat=4)
    return all(_is_end(tokens, _read(tokens, _start(tokens), ".".join(s))) for s in shapes)


@lru_cache(maxsize=16384)
def covers(wider: str, host: str, *, knows_cidr: bool = False) -> bool:
    """Return whether every client that fits `host` also fits `wider`, as far as texts tell.

    What a name resolves to is not known here.
    """
    if wider == "" or set(wider) == {"%"} or wider.lower() == host.lower():
        return True
    if lets_nobody_in(wider, knows_cidr=knows_cidr) or lets_nobody_in(host, knows_cidr=knows_cidr):
        return False
    if network_of(wider, knows_cidr=knows_cidr) is not None and set(host) & set("%_"):
        return False  # the network comes first, so that its clients are never of the pattern
    if network_of(host, knows_cidr=knows_cidr) is not None or _NUMERIC.match(host):
        narrow, wide = _Octets(host, knows_cidr), _Octets(wider, knows_cidr)
        fitting = [there for here, there in _pairs(narrow, wide) if narrow.is_end(here)]
        if fitting:
            return all(map(wide.is_end, fitting))
    return _covers_text(wider.lower(), host.lower())


class _Octets:
    """A host part, asked octet by octet whether an address fits."""

    def __init__(self, host: str, knows_cidr: bool) -> None:  # noqa: FBT001
        network = network_of(host, knows_cidr=knows_cidr)
        self.network = network
        self.tokens = _tokens(host)

    @property
    def start(self) -> States:
        """Return where every address begins."""
        return _start(self.tokens)

    def after(self, states: States, place: int, octet: int) -> States:
        """Return where an address stands after one more octet; nowhere: it does not fit."""
        if self.network is not None:
            shift = 8 * (3 - place)
            counting, wanted = self.network.mask >> shift & 255, self.network.address >> shift & 255
            return states if octet & counting == wanted else frozenset()
        return _read(self.tokens, states, f"{'.' if place else ''}{octet}")

    def is_end(self, states: States) -> bool:
        """Return whether an address that stands here fits."""
        return bool(states) if self.network is not None else _is_end(self.tokens, states)


def _pairs(narrow: _Octets, wide: _Octets) -> set[tuple[States, States]]:
    """Return where in both host parts the addresses end that may fit the narrower one."""
    reached = {(narrow.start, wide.start)}
    for place in range(4):
        reached = {
            (after, wide.after(there, place, octet))
            for here, there in reached
            for octet in _OCTETS
            if (after := narrow.after(here, place, octet))
        }
    return reached


def _covers_text(wider: str, host: str) -> bool:
    """Return whether a pattern covers another: a `%` of it is only covered by a `%`."""
    tokens = _tokens(wider)
    states = _start(tokens)
    for char, is_wild in _tokens(host):
        states = _closed(
            tokens,
            (
                place if tokens[place] == ("%", True) else place + 1
                for place in states
                if place < len(tokens) and _takes(tokens[place], char, is_wild=is_wild)
            ),
        )
    return _is_end(tokens, states)


def _takes(token: Token, char: str, *, is_wild: bool) -> bool:
    if token == ("%", True):
        return True
    return token in (("_", True), (char, is_wild)) and (char, is_wild) != ("%", True)


@lru_cache(maxsize=4096)
def _tokens(pattern: str) -> tuple[Token, ...]:
    return tuple(
        (escaped or plain, not escaped and plain in ("%", "_"))
        for escaped, plain in _TOKEN.findall(pattern)
    )


def _start(tokens: tuple[Token, ...]) -> States:
    return _closed(tokens, (0,))


def _closed(tokens: tuple[Token, ...], places: Iterable[int]) -> States:
    """Return the places, and those behind a `%` that stands for nothing."""
    found: set[int] = set()
    for start in places:
        place = start
        found.add(place)
        while place < len(tokens) and tokens[place] == ("%", True):
            place += 1
            found.add(place)
    return frozenset(found)


@lru_cache(maxsize=16384)
def _read(tokens: tuple[Token, ...], states: States, text: str) -> States:
    for char in text:
        states = _closed(
            tokens,
            (
                place if tokens[place] == ("%", True) else place + 1
                for place in states
                if place < len(tokens) and (tokens[place][1] or tokens[place][0] == char)
            ),
        )
    return states


def _is_end(tokens: tuple[Token, ...], states: States) -> bool:
    return len(tokens) in states
