"""What denies take from a session of MariaDB: a deny beats every grant. Pure.

Source: MariaDB documentation, DENY (13.1), Precedence and Roles and PUBLIC. A deny on a
larger object is one on all that lies in it; those of the account, of its active roles with
their roles, and of PUBLIC count together. No privilege lets an account pass one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync_pipeline.engines.mysql_protocol.access.levels import DATABASES, GRANT_OPTION, ROUTINES
from sync_pipeline.engines.mysql_protocol.access.patterns import matches, unescaped
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind


@dataclass(frozen=True, slots=True)
class Deny:
    """A deny, and the account or role that it was said to."""

    account: str
    grant: Grant

    def __str__(self) -> str:
        return f"{self.grant.privilege} on {self.grant.securable}: DENY to {self.account}"


class Denies:
    """The denies that count for one session."""

    def __init__(self, denies: Iterable[Deny]) -> None:
        self._denies = tuple(denies)

    def __bool__(self) -> bool:
        return bool(self._denies)

    def taking(self, word: str, on: Securable) -> Iterator[Deny]:
        """Yield the denies that take a privilege away on an object: there or above it."""
        for deny in self._denies:
            if deny.grant.privilege == word and covers(deny.grant.securable, on):
                yield deny

    def below(self, words: Iterable[str], on: Securable) -> Iterator[Deny]:
        """Yield the denies that take a privilege away on a part of an object only."""
        wanted = frozenset(words)
        for deny in self._denies:
            there = deny.grant.securable
            if deny.grant.privilege in wanted and there != on and covers(on, there):
                yield deny

    def takes_option(self, on: Securable) -> bool:
        """Return whether the grant option is denied on an object."""
        return any(self.taking(GRANT_OPTION, on))


def covers(one: Securable, other: Securable) -> bool:
    """Return whether an object is another one, or has it in it.

    A grant may name a database with escapes, a deny names it as it is. Names of routines
    and columns are compared without case. Accounts (PROXY) can't be denied.
    """
    if SecurableKind.ACCOUNT in (one.kind, other.kind):
        return False
    if one.kind is SecurableKind.SERVER:
        return True
    if other.kind is SecurableKind.SERVER or not _is_database(one, other.database):
        return False
    return one.kind in DATABASES or _is_object(one, other)


def _is_database(one: Securable, database: str) -> bool:
    if unescaped(one.database) == unescaped(database):
        return True
    return one.kind is SecurableKind.DATABASE_PATTERN and matches(one.database, database)


def _is_object(one: Securable, other: Securable) -> bool:
    if one.kind in ROUTINES:
        return (one.kind, one.name.lower()) == (other.kind, other.name.lower())
    if other.kind not in (SecurableKind.TABLE, SecurableKind.COLUMN) or one.name != other.name:
        return False
    return one.kind is SecurableKind.TABLE or one.column.lower() == other.column.lower()
