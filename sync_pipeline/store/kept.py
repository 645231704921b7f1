"""What was counted before, and stays true: so many of it, whoever asks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by keys that say all that they depend on; what was asked for last stays longest."""

    def __init__(self, most: int, weight: Callable[[Value], int] = lambda _: 1) -> None:
        """Keep values of so much weight together; without a weight so many.

        Each weighs one at least: of what is asked for and is not there, there is no end.
        """
        self._most = most
        self._weight: Callable[[Value], int] = lambda value: max(1, weight(value))
        self._kept = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def all_of(
        self, keys: Sequence[Key], made: Callable[[Sequence[Key]], Mapping[Key, Value]]
    ) -> dict[Key, Value]:
        """Return the values of keys; those that are not kept are made, all at once."""
        with self._lock:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
        missing = [key for key in keys if key not in found]
        if missing:
            fresh = made(missing)
            found.update(fresh)
            self._keep(fresh)
        return found

    def get(self, key: Key) -> Value | None:
        """Return the value of a key; None: none is kept."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: Key, value: Value) -> None:
        """Keep a value in the place of another one of its key."""
        with self._lock:
            if key in self._values:
                self._kept -= self._weight(self._values.pop(key))
        self._keep({key: value})

    def _keep(self, fresh: Mapping[Key, Value]) -> None:
        with self._lock:
            for key, value in fresh.items():
                if key not in self._values and self._weight(value) <= self._most:
                    self._values[key] = value
                    self._kept += self._weight(value)
            while self._kept > self._most:
                _, gone = self._values.popitem(last=False)
                self._kept -= self._weight(gone)
