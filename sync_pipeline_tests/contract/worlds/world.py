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

from sync_pipeline.access.judged import Judged
from sync_pipeline.collect.accounts import CollectScope, ConnectionOpener, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.base import Connection, Engine, rest
from sync_pipeline.model.access import AccessWorld
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
class Question:
    """Whether an account may do something: how its first way there begins, empty: it may not."""

    account: str
    privilege: str
    on: str
    way: str = ""


@dataclass(frozen=True)
class Doubt:
    """A question whose answer something could change that is not known here.

    `unsure` are those of whom it could, none of them where it could change any answer about the
    instance; `sure` has the privilege whatever it means. `says` is how people are told, `changed`
    the accounts that are read differently with it, and `elsewhere` something that it has nothing
    to do with. `told` is what else is said, of whom. `secret` is a value of it, which nobody is to
    see.
    """

    privilege: str
    on: str
    says: str
    sure: str
    unsure: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    elsewhere: str = ""
    told: Sequence[tuple[str, str]] = ()
    secret: str = "nobody keeps this"


@dataclass(frozen=True)
class Case:
    """Something that is made on a server, and what is then read of the accounts.

    `newer` is what no server has today. `undo` takes back what outlives the accounts, such as
    variables of the server. `warned` is what the one warning of the sync names, each part of it.
    """

    steps: Steps
    accounts: Sequence[Expected]
    undo: Steps = ()
    warned: Sequence[str] = ()
    newer: Steps = ()
    doubt: Doubt | None = None
    questions: Sequence[Question] = ()


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
    WAYS = "what roles give is had, and by which way"
    DENIED = "what is denied is no grant"


Cases = Mapping[Topic, Sequence[Case | Gap]]
"""Of each topic what an engine has, and what of it it has not."""


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
    """Whether it is not the product itself, and has no more than what tests look at."""
    reads_one_moment = True
    """Whether a connection sees what there was when it began to read, and nothing newer."""
    version: tuple[int, ...]
    """How its version begins."""
    home: str
    """The database in which `tables` makes what is measured."""
    most_statements: int
    """How many a measuring sends, with the largest tables, where there is no database but ours."""
    home_schema = ""
    """Where `tables` makes them."""
    databases: frozenset[str] = frozenset()
    """Those that have a catalog of their own."""
    sections: frozenset[SectionKey]
    """The sections of a whole snapshot."""
    not_applicable: frozenset[SectionKey] = frozenset()
    """Those of them that this version does not have."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[Row]]] = []
        self.opened: list[str | None] = []

    @property
    @abstractmethod
    def cases(self) -> Cases:
        """Return what the engine brings for each topic."""

    def first(self, topic: Topic) -> Case:
        """Return the first case of a topic that is no gap."""
        return next(self.made(topic))

    def made(self, topic: Topic) -> Iterator[Case]:
        """Yield the cases of a topic that are no gaps."""
        yield from (item for item in self.cases[topic] if isinstance(item, Case))

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

    def stores(self) -> Steps:
        """Return what makes databases of odd names, or what else an engine keeps apart."""
        return ()

    @abstractmethod
    def grows(self) -> tuple[Steps, int]:
        """Return what makes `home` larger on disk, and by how many bytes at least."""

    @abstractmethod
    def on_disk(self) -> Mapping[str, int]:
        """Return the bytes of databases as their files are counted by other means.

        Those that nobody writes to; `home`, and what `stores` made, among them.
        """

    def said_of(self, table: str) -> int | None:
        """Return the bytes of a table as the server itself says; None: it does not."""
        return None

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
        self.opened = []
        with self.connections() as opened:

            @contextmanager
            def wrapped(database: str | None) -> Iterator[Connection]:
                self.opened.append(database)
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

    def judged(self, snapshot: Snapshot) -> Judged:
        """Return the rules of effective privileges over the accounts of a snapshot."""
        states = {state.name: state for state in snapshot.accounts}
        version = snapshot.server.version
        found = AccessWorld("i", self.engine.name, version, states, snapshot.sections, NOW)
        return Judged(found, self.engine.access_rules(found))

    @property
    def statements(self) -> list[str]:
        """Return what the last reading asked."""
        return [sql for sql, _ in self.seen]
