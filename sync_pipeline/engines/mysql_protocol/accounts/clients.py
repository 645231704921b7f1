"""Which account a client is that the server names by its user and host. Pure.

The counters of logins name who connected, not the account that let him in. The servers look for an
account by host first, the most specific one, and then by user (MySQL 8.4 Reference Manual, 8.2.6,
Access Control, Stage 1: Connection Verification). A host is shown by its name where the server
could resolve it, else by its address, so that accounts of addresses may have let in a client that
is shown by a name. Where more than one account may have, none of them is named.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sync_pipeline.engines.mysql_protocol.accounts.hosts import address_of, is_any_host, matches
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name

_OF_ADDRESSES = re.compile(r"[0-9a-f:.%_/\\]*", re.IGNORECASE)
"""A host part that may be of addresses; those of names that look like one count, too."""
_LOCAL = "localhost"
_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Client:
    """Whose a client is: one account, or one of several; the `others` fit it less."""

    account: str = ""
    maybe: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Clients:
    """The accounts of a server, asked who a client is."""

    def __init__(self, accounts: Iterable[tuple[str, str]], *, knows_cidr: bool) -> None:
        self._knows_cidr = knows_cidr
        self._hosts: defaultdict[str, list[str]] = defaultdict(list)
        for user, host in accounts:
            self._hosts[user].append(host)

    def of_user(self, user: str) -> Client:
        """Return whose a client is of which the user alone is known."""
        found = [(user, host) for host in self._hosts.get(user, ())]
        nameless = [("", host) for host in self._hosts.get("", ())] if user else []
        names = tuple(account_name(*item) for item in (*found, *nameless))
        return Client(names[0]) if len(names) == 1 and found else Client(maybe=names)

    def of(self, user: str, host: str) -> Client:
        """Return whose a client is that is shown with this user and host."""
        users = (user, "") if user else ("",)
        pairs = [(name, item) for name in users for item in self._hosts.get(name, ())]
        sure = [pair for pair in pairs if self._fits(pair[1], host)]
        possible = [pair for pair in pairs if pair not in sure and self._may_fit(pair[1], host)]
        if possible or (len(sure) > 1 and any("/" in item for _, item in sure)):
            return Client(maybe=_names([*sure, *possible]))
        first = _first(sure, user, host)
        if first is None:
            return Client(maybe=_names(sure))
        return Client(account_name(*first), others=_names(p for p in sure if p != first))

    def _fits(self, pattern: str, host: str) -> bool:
        is_address = _is_address(host)
        address, name = (host, None) if is_address else (None, host)
        return matches(pattern, address, name, knows_cidr=self._knows_cidr)

    def _may_fit(self, pattern: str, host: str) -> bool:
        """Return whether an account may have let in a client that is shown by a name."""
        if _is_address(host):
            return False
        if host.lower() == _LOCAL:
            return any(
                matches(pattern, address, None, knows_cidr=self._knows_cidr)
                for address in _LOOPBACK
            )
        return _OF_ADDRESSES.fullmatch(pattern) is not None


def _first(sure: list[tuple[str, str]], user: str, host: str) -> tuple[str, str] | None:
    """Return the account that the servers take first, where that is beyond doubt."""
    if len(sure) == 1:
        return sure[0]
    if (user, host) in sure and not set(host) & set("%_"):
        return user, host
    narrow = [pair for pair in sure if not is_any_host(pair[1])]
    is_users = all(name == user for name, _ in sure)
    return narrow[0] if is_users and len(narrow) == 1 else None


def _names(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(account_name(*pair) for pair in pairs)


def _is_address(host: str) -> bool:
    return address_of(host) is not None or ":" in host
