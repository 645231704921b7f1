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

from sync_pipeline.model.page import Page

if TYPE_CHECKING:
    from sync_pipeline.store.database import Database

ValueT = TypeVar("ValueT")
PagesT = TypeVar("PagesT", bound="OfDatabase")
AskedP = ParamSpec("AskedP")
MOST_ROWS = 20_000
"""Rows that are kept of all answers together: some hundred bytes to a kilobyte each."""
_MOST_STATES = 2


@dataclass(slots=True)
class _Entry(Generic[ValueT]):
    """A value, made by the first who asks; others wait for it."""

    rows: int = 0
    lock: Lock = field(default_factory=Lock)
    values: list[ValueT] = field(default_factory=list)


@dataclass(slots=True)
class _OfState:
    """What is kept of one state of a store, by key, and how many rows that is."""

    entries: OrderedDict[Hashable, _Entry[Any]] = field(default_factory=OrderedDict)
    rows: int = 0


class Remembered:
    """Values of a store by its state; what was asked for last stays longest.

    `mark` returns what tells one state from every other one. It is asked before a value is made,
    so that a value is of this state, or of one that the next mark tells from it. Who began before
    something was written, and asks beside one who began after it, takes nothing away from him: of
    two states values are kept.
    """

    def __init__(self, mark: Callable[[], Hashable], most: int = MOST_ROWS) -> None:
        self._mark = mark
        self._most = most
        self._states: OrderedDict[Hashable, _OfState] = OrderedDict()
        self._lock = Lock()

    def of(
        self,
        key: Hashable,
        made: Callable[[], ValueT],
        rows: Callable[[ValueT], int] | None = None,
    ) -> ValueT:
        """Return the value of a key, which is made where nothing is kept of this state.

        `rows` returns how much room it takes, in rows; None: it is a page, or some rows, or one.
        """
        state = self._mark()
        entry: _Entry[ValueT] = self._entry(state, key)
        with entry.lock:
            if not entry.values:
                entry.values.append(made())
                self._keep(state, key, entry, (rows or rows_of)(entry.values[0]))
            return entry.values[0]

    def __len__(self) -> int:
        """Return how many values are kept, or are just made."""
        return sum(len(kept.entries) for kept in self._states.values())

    def _entry(self, state: Hashable, key: Hashable) -> _Entry[Any]:
        with self._lock:
            kept = self._states.get(state)
            if kept is None:
                kept = self._states[state] = _OfState()
                if len(self._states) > _MOST_STATES:
                    self._states.popitem(last=False)
            entry = kept.entries.get(key)
            if entry is None:
                entry = kept.entries[key] = _Entry()
                # What failed to be made, and is asked no more, must not stay for ever.
                while len(self) > self._most:
                    self._forget_oldest()
            else:
                kept.entries.move_to_end(key)
            return entry

    def _keep(self, state: Hashable, key: Hashable, entry: _Entry[Any], rows: int) -> None:
        with self._lock:
            kept = self._states.get(state)
            if kept is None or kept.entries.get(key) is not entry:
                return
            if rows > self._most:
                # It would take all others away, and then be forgotten itself.
                del kept.entries[key]
                return
            entry.rows = rows
            kept.rows += entry.rows
            while sum(item.rows for item in self._states.values()) > self._most:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        kept = next(item for item in self._states.values() if item.entries)
        _, gone = kept.entries.popitem(last=False)
        kept.rows -= gone.rows


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


def rows_of(value: object) -> int:
    """Return how much room a value takes, in rows; of a page that are its items."""
    items = value.items if isinstance(value, Page) else value
    return 1 + (len(items) if isinstance(items, list | tuple | dict) else 0)
