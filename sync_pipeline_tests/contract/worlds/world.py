"""A server of one engine as the tests of the contract see it, and the cases that are made there."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from sync_pipeline.collect.accounts import CollectScope, ConnectionOpener, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.base import Connection, Engine, rest
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import AccountSetting, Grant, Membership, SectionKey
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Row = dict[str, Any]
Change = Callable[[str, list[Row]], list[Row]]
Step = str | Callable[[Any], object]
"""A statement of an administrator; where the catalogs are emulated, what it leaves in them."""
Steps = Sequence[Step]
ABSENT = object()
"""The value of an attribute that an account must not have."""


@dataclass(frozen=True, eq=False)
class EndsWith:
    """Equals a text that ends so."""

    text: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.endswith(self.text)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Expected:
    """What is read of an account. What is None is not looked at; `has` are some of its grants.

    `lacks` are some that it has not.
    """

    name: str
    kind: AccountKind | None = None
    can_login: bool | None = None
    is_locked: bool | None = None
    is_superuser: bool | None = None
    grants: frozenset[Grant] | None = None
    has: frozenset[Grant] = frozenset()
    lacks: frozenset[Grant] = frozenset()
    memberships: frozenset[Membership] | None = None
    settings: frozenset[AccountSetting] | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    all_attributes: Mapping[str, object] | None = None

    def check(self, state: AccountState) -> None:
        """Fail where the account is another."""
        for name in ("kind", "can_login", "is_locked", "is_superuser"):
            wanted = getattr(self, name)
            assert wanted is None or getattr(state, name) == wanted, (self.name, name, state)
        for name in ("grants", "memberships", "settings"):
            wanted = getattr(self, name)
            found = getattr(state, name)
            assert wanted is None or set(found) == wanted, (self.name, name, found)
            assert len(set(found)) == len(found)
        assert self.has <= set(state.grants), (self.name, state.grants)
        assert not self.lacks & set(state.grants), (self.name, state.grants)
        assert AccountState.from_json(state.to_json()) == state
        told = dict(state.attributes)
        assert {name: told.get(name, ABSENT) for name in self.attributes} == self.attributes
        assert self.all_attributes is None or told == self.all_attributes


@dataclass(frozen=True)
class Case:
    """Something that is made on a server, and what is then read of the accounts.

    `undo` takes back what outlives the accounts, such as variables of the server. `warned` is
    what the one warning of the sync names.
    """

    steps: Steps
    accounts: Sequence[Expected]
    undo: Steps = ()
    warned: str = ""


@dataclass(frozen=True)
class Gap:
    """What an engine does not have: why, the statement that shows it, and how it is refused.

    The day a server takes the statement, the test of the gap fails, and a case takes its place.
    """

    reason: str
    step: Step
    refused: type[Exception]
    says: str

    def check(self, run: Callable[[Step], object]) -> None:
        """Fail where the step is not refused, or for another reason."""
        with pytest.raises(self.refused, match=re.compile(self.says, re.IGNORECASE)):
            run(self.step)


class Topic(StrEnum):
    """What every engine promises of accounts; each brings a case or a gap for each of them."""

    GRANTS = "each kind of grant is read with its option and who gave it"
    ROLES = "roles and roles of roles are read with their options"
    EVERYONE = "who stands for all others is an account of its own"
    STATE = "whether an account may log in, and what bounds it, is read"
    SUPERUSER = "who may do everything is known"
    NAMES = "names come back exactly as they are"
    LETTERS = "names that differ by case alone are two accounts"
    UNKNOWN = "what is not known is kept as it is, and warned of once"
    DENIED = "what is denied is no grant"


Cases = Mapping[Topic, Sequence[Case] | Gap]


class Wrapped:
    """A real connection whose statements are kept and whose answers may be changed."""

    def __init__(
        self, inner: Connection, change: Change, seen: list[tuple[str, list[Row]]]
    ) -> None:
        self._inner = inner
        self._change = change
        self._seen = seen

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        rows = self._inner.fetch(sql, parameters)
        self._seen.append((sql, rows))
        return self._change(sql, rows)

    def rest(self) -> None:
        rest(self._inner)

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


class World(ABC):
    """A server that a test has for itself."""

    engine: Engine
    username: str
    system_accounts: frozenset[str]
    """The names of the accounts that the engine made for itself."""
    system_steps: Steps = ()
    """What makes more of them, and others that are called much like them."""
    whole_superusers: frozenset[str]
    """Of those who may do everything, some to whom the server denies nothing."""
    is_emulated = False
    version: tuple[int, ...]
    """How its version begins."""
    home: str
    """The database in which `tables` makes what is measured."""
    databases: frozenset[str] = frozenset()
    """Those that have a catalog of their own."""
    sections: frozenset[SectionKey]
    """The sections of a whole snapshot."""
    not_applicable: frozenset[SectionKey] = frozenset()
    """Those of them that this version does not have."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[Row]]] = []

    @property
    @abstractmethod
    def cases(self) -> Cases:
        """Return what the engine brings for each topic."""

    def first(self, topic: Topic) -> Case:
        """Return the first case of a topic that is no gap."""
        cases = self.cases[topic]
        assert not isinstance(cases, Gap), cases
        return cases[0]

    @abstractmethod
    def run(self, *steps: Step) -> None:
        """Carry steps out as an administrator."""

    @abstractmethod
    def connections(self) -> AbstractContextManager[ConnectionOpener]:
        """Yield what opens connections of the account that reads."""

    @abstractmethod
    def many(self, count: int) -> Steps:
        """Return what makes as many more accounts, each with a grant."""

    @abstractmethod
    def reset(self) -> None:
        """Take away all that was made."""

    @abstractmethod
    def tables(self, units: Mapping[str, int]) -> Steps:
        """Return what makes tables of so many units of data each, in the database `home`."""

    @abstractmethod
    def is_list_of_databases(self, sql: str) -> bool:
        """Return whether a statement of a measuring lists the databases."""

    @abstractmethod
    def is_list_of_accounts(self, sql: str) -> bool:
        """Return whether a statement lists the accounts of the server."""

    @abstractmethod
    def secret(self) -> tuple[Steps, Callable[[], Sequence[str]]]:
        """Return what makes an account with a password, and what tells its hashes."""

    @contextmanager
    def opener(self, change: Change) -> Iterator[ConnectionOpener]:
        self.seen.clear()
        with self.connections() as opened:

            @contextmanager
            def wrapped(database: str | None) -> Iterator[Connection]:
                with opened(database) as connection:
                    yield Wrapped(connection, change, self.seen)

            yield wrapped

    def snapshot(self, change: Change = lambda sql, rows: rows, **scope: Any) -> Snapshot:
        """Read the accounts as a sync does; `seen` has the statements and their answers."""
        with self.opener(change) as opened:
            return collect_accounts(self.engine, opened, CollectScope(self.username, **scope), NOW)

    def sizes(self, change: Change = lambda sql, rows: rows, **scope: Any) -> SizeSnapshot:
        """Measure as a size collection does."""
        with self.opener(change) as opened:
            return collect_sizes(self.engine, opened, SizeScope(self.username, **scope), NOW)

    @property
    def statements(self) -> list[str]:
        """Return what the last reading asked."""
        return [sql for sql, _ in self.seen]
