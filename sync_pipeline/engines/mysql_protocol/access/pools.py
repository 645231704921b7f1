"""Holders whose grants a server looks at together, and what they give.

A session has one or more pools, and what any of them gives is in force. How a server
picks among several rows of one level is the difference between the kinds of pools.

Sources: MySQL 8.4 Reference Manual, 8.2.7 Access Control, Stage 2: Request Verification;
MariaDB Knowledge Base, Account Names and Roles Overview.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.mysql_protocol.access.holdings import (
    NOTHING,
    Holdings,
    TableKey,
    routine_key,
)
from sync_pipeline.engines.mysql_protocol.access.levels import DATABASES, ROUTINES, Levels
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind


@dataclass(frozen=True, slots=True)
class Way:
    """A grant, and the way to the account that holds it."""

    link: Link
    grant: Grant


@dataclass(frozen=True, slots=True)
class Holder:
    """An account on whose grants a session can draw."""

    link: Link
    user: str
    host: str
    holdings: Holdings

    def ways(self, grants: Iterable[Grant]) -> Iterator[Way]:
        """Yield a way for each grant."""
        for grant in grants:
            yield Way(self.link, grant)


def _have_nothing(holders: Iterable[Holder]) -> bool:
    return all(holder.holdings is NOTHING for holder in holders)


class Pool(ABC):
    """Some holders. `levels` says what an object gets from larger ones."""

    _is_empty: bool

    def __init__(self, levels: Levels) -> None:
        self._levels = levels

    @property
    @abstractmethod
    def holders(self) -> tuple[Holder, ...]:
        """Return all holders, the one whose own server-level grants count first."""

    @abstractmethod
    def _on_server(self, word: str, database: str) -> Iterator[Way]: ...

    @abstractmethod
    def on_database(self, word: str, database: str) -> Iterator[Way]:
        """Yield what the winning database rows give."""

    @abstractmethod
    def _with_table(self, key: TableKey) -> Iterable[Holder]: ...

    @abstractmethod
    def _with_routine(self, on: Securable) -> Iterable[Holder]: ...

    def ways(self, word: str, on: Securable) -> Iterator[Way]:
        """Yield every way in which these holders give a privilege on an object."""
        if self._is_empty:
            return
        if on.kind is SecurableKind.SERVER:
            yield from self._on_server(word, "")
            return
        is_inherited = self._levels.is_inherited(word, on.kind)
        if is_inherited:
            yield from self._on_server(word, on.database)
        if on.kind is SecurableKind.DATABASE_PATTERN:
            yield from self._on_pattern(word, on.database)
        elif on.kind in DATABASES or is_inherited:
            yield from self.on_database(word, on.database)
        yield from self._on_object(word, on)

    def gives(self, database: str, tables: Iterable[str]) -> bool:
        """Return whether anything is given on the server, or on these tables of a database.

        Most accounts have neither, and then no privilege is to be looked for.
        """
        if self._is_empty:
            return False
        keys = [(database, table) for table in tables]
        return (
            any(holder.holdings.server for holder in self._of_servers())
            or self.fits(database)
            or any(holder.holdings.has_table(key) for holder in self.holders for key in keys)
        )

    @abstractmethod
    def _of_servers(self) -> Iterable[Holder]:
        """Return those whose global grants count."""

    @abstractmethod
    def fits(self, database: str) -> bool:
        """Return whether there is a row of a database of this name."""

    def _on_pattern(self, word: str, stored: str) -> Iterator[Way]:
        """Yield the grants on a pattern as such, whichever names it wins."""
        for holder in self.holders:
            privileges = holder.holdings.databases.get(stored, {})
            yield from holder.ways([privileges[word]] if word in privileges else ())

    def _on_object(self, word: str, on: Securable) -> Iterator[Way]:
        key = (on.database, on.name)
        if on.kind in (SecurableKind.TABLE, SecurableKind.COLUMN):
            is_inherited = self._levels.is_inherited(word, on.kind)
            for holder in self._with_table(key):
                if is_inherited or on.kind is SecurableKind.TABLE:
                    yield from holder.ways(holder.holdings.on_table(word, key))
                if on.kind is SecurableKind.COLUMN:
                    yield from holder.ways(holder.holdings.on_column(word, key, on.column))
        elif on.kind in ROUTINES:
            for holder in self._with_routine(on):
                yield from holder.ways(holder.holdings.on_routine(word, routine_key(on)))
        elif on.kind is SecurableKind.ACCOUNT:
            own = self.holders[0]
            yield from own.ways(own.holdings.on_proxied(word, on.name))


class ByHost(Pool):
    """What a user has without roles, as the server finds it: by user name and client.

    Only the global grants belong to the one account that logged in. Below, the grant
    tables are searched for the user's name and for the client's host, so rows of another
    account of the same user apply too, where its host part fits; of several rows that
    fit, the first one alone counts, by host and then by name. Rows of `mysql.db` without
    a user apply to all users (MySQL 8.4 Reference Manual 8.2.7, and 2.9.4 on `test_%`).
    `of_server` has the global grants where they are not those of the account itself.
    """

    def __init__(
        self,
        levels: Levels,
        own: Holder,
        others: Iterable[Holder],
        is_match: Callable[[str, str], bool],
        order: Callable[[Holder, str], Any],
        of_server: Holder | None = None,
    ) -> None:
        super().__init__(levels)
        self._own = own
        self._others = tuple(others)
        self._of_server = of_server or own
        self._is_empty = _have_nothing(self.holders)
        self._is_match = is_match
        self._order = order

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Return the account, then the others of which rows apply."""
        return (self._own, *self._others)

    def _on_server(self, word: str, database: str) -> Iterator[Way]:
        yield from self._of_server.ways(self._of_server.holdings.on_server(word, database))

    def _of_servers(self) -> Iterable[Holder]:
        return (self._of_server,)

    def _fitting(self, database: str) -> Iterator[tuple[Holder, str]]:
        for holder in self.holders:
            for stored in holder.holdings.databases:
                if self._is_match(stored, database):
                    yield holder, stored

    def fits(self, database: str) -> bool:
        """Return whether there is a row of a database of this name."""
        return any(self._fitting(database))

    def on_database(self, word: str, database: str) -> Iterator[Way]:
        """Yield what the one row that counts gives."""
        fitting = list(self._fitting(database))
        if fitting:
            holder, stored = min(fitting, key=lambda item: self._order(*item))
            privileges = holder.holdings.databases[stored]
            yield from holder.ways([privileges[word]] if word in privileges else ())

    def _with_table(self, key: TableKey) -> Iterable[Holder]:
        return self._first(lambda holder: holder.holdings.has_table(key))

    def _with_routine(self, on: Securable) -> Iterable[Holder]:
        return self._first(lambda holder: routine_key(on) in holder.holdings.routines)

    def _first(self, has: Callable[[Holder], bool]) -> Iterable[Holder]:
        """Return the holder with the most specific host; none without the user's name."""
        found = [item for item in self.holders if item.user == self._own.user and has(item)]
        return [min(found, key=lambda item: self._order(item, ""))] if found else []


class Merged(Pool):
    """Accounts of which all grants are one set: roles, and in MySQL their user with them.

    Of several database rows that fit a name, those under the winning stored name count,
    whoever holds them. Where none fits, the database rows of `otherwise` are used.
    """

    def __init__(
        self,
        levels: Levels,
        holders: Iterable[Holder],
        winners: Callable[[Iterable[str], str], Iterable[str]],
        otherwise: ByHost | None = None,
    ) -> None:
        super().__init__(levels)
        self._otherwise = otherwise
        self._holders = tuple(holders)
        self._winners = winners
        self._is_empty = _have_nothing((*self._holders, *(otherwise.holders if otherwise else ())))

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Return all of them."""
        return self._holders

    def _of_servers(self) -> Iterable[Holder]:
        return self._holders

    def fits(self, database: str) -> bool:
        """Return whether there is a row of a database of this name."""
        is_here = any(True for _ in self._winners(self._by_stored_name, database))
        return is_here or (self._otherwise is not None and self._otherwise.fits(database))

    @cached_property
    def _by_stored_name(self) -> dict[str, list[Holder]]:
        found: dict[str, list[Holder]] = defaultdict(list)
        for holder in self._holders:
            for stored in holder.holdings.databases:
                found[stored].append(holder)
        return found

    def _on_server(self, word: str, database: str) -> Iterator[Way]:
        for holder in self._holders:
            yield from holder.ways(holder.holdings.on_server(word, database))

    def on_database(self, word: str, database: str) -> Iterator[Way]:
        """Yield what the winning rows give, else what is used without any."""
        winners = tuple(self._winners(self._by_stored_name, database))
        if not winners and self._otherwise is not None:
            yield from self._otherwise.on_database(word, database)
        for stored in winners:
            for holder in self._by_stored_name[stored]:
                privileges = holder.holdings.databases[stored]
                yield from holder.ways([privileges[word]] if word in privileges else ())

    def _with_table(self, key: TableKey) -> Iterable[Holder]:
        return [holder for holder in self._holders if holder.holdings.has_table(key)]

    def _with_routine(self, on: Securable) -> Iterable[Holder]:
        return [item for item in self._holders if routine_key(on) in item.holdings.routines]
