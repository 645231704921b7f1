"""What the console read of a store, kept in its process until anything is written there.

A value is kept by the state of the store and by all that was asked, which says within what reach.
So no answer is older than the store, and nobody is given another one's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from sync_pipeline.model.finding_totals import Covered
from sync_pipeline.model.page import Page

if TYPE_CHECKING:
    from sync_pipeline.store.database import Database

ValueT = TypeVar("ValueT")
PagesT = TypeVar("PagesT", bound="OfDatabase")
AskedP = ParamSpec("AskedP")
MOST_ROWS = 20_000
"""Rows that are kept of all answers together: some hundred bytes to a kilobyte each."""


@dataclass(slots=True)
class _Entry(Generic[ValueT]):
    """A value, made by the first who asks; others wait for it."""

    rows: int = 0
    lock: Lock = field(default_factory=Lock)
    values: list[ValueT] = field(default_factory=list)


class Remembered:
    """Values of one state of a store; what was asked for last stays longest.

    `mark` returns what tells one state from every other one. It is asked before a value is made,
    so that a value is of this state, or of one that the next mark tells from it.
    """

    def __init__(self, mark: Callable[[], Hashable], most: int = MOST_ROWS) -> None:
        self._mark = mark
        self._most = most
        self._state: Hashable = None
        self._entries: OrderedDict[Hashable, _Entry[Any]] = OrderedDict()
        self._rows = 0
        self._lock = Lock()

    def of(self, key: Hashable, made: Callable[[], ValueT]) -> ValueT:
        """Return the value of a key, which is made where nothing is kept of this state."""
        entry: _Entry[ValueT] = self._entry(self._mark(), key)
        with entry.lock:
            if not entry.values:
                entry.values.append(made())
                self._keep(key, entry)
            return entry.values[0]

    def _entry(self, state: Hashable, key: Hashable) -> _Entry[Any]:
        with self._lock:
            if state != self._state:
                self._state, self._rows = state, 0
                self._entries.clear()
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry()
                # What failed to be made, and is asked no more, must not stay for ever.
                while len(self._entries) > self._most:
                    self._forget_oldest()
            else:
                self._entries.move_to_end(key)
            return entry

    def _keep(self, key: Hashable, entry: _Entry[Any]) -> None:
        with self._lock:
            if self._entries.get(key) is not entry:
                return
            entry.rows = _rows(entry.values[0])
            self._rows += entry.rows
            while self._rows > self._most:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, gone = self._entries.popitem(last=False)
        self._rows -= gone.rows


class OfDatabase:
    """Reads of a database, which may be kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _remember(self, key: Hashable, made: Callable[[], ValueT]) -> ValueT:
        remembered = self._database.remembered
        return made() if remembered is None else remembered.of(key, made)


def remembered(
    method: Callable[Concatenate[PagesT, AskedP], ValueT],
) -> Callable[Concatenate[PagesT, AskedP], ValueT]:
    """Let a method be asked once for a state of the store and the same arguments.

    It must depend on nothing else: a moment that it looks at is an argument. Nobody may change
    what it returns.
    """

    @wraps(method)
    def asked(self: PagesT, *given: AskedP.args, **named: AskedP.kwargs) -> ValueT:
        of = (*map(_hashable, given), *((name, _hashable(named[name])) for name in sorted(named)))
        return self._remember((method.__qualname__, of), lambda: method(self, *given, **named))

    # Of a method, `wraps` makes a type that is called with `self` by its name.
    return cast("Callable[Concatenate[PagesT, AskedP], ValueT]", asked)


def _hashable(value: object) -> Hashable:
    return tuple(value) if isinstance(value, list) else value


def _rows(value: object) -> int:
    """Return how much room a value takes, in rows; of a page that are its items, or ids."""
    items = value.items if isinstance(value, Page) else value
    return 1 + (len(items) if isinstance(items, list | tuple | dict | Covered) else 0)
