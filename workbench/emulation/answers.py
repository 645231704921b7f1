"""Answers that an emulated server gave before, to the same statement over the same rows.

Hundreds of tests ask worlds that differ in a row or two, and a statement names few views: to plan
it again took most of their time. What is asked, and all that its answer depends on, is the key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MOST = 8192
MOST_ROWS = 500
"""Larger answers are worked out each time: of a few tests, they would stay for all."""


def digest(*parts: object) -> bytes:
    """Return a short key of values that are told apart by their `repr`."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "backslashreplace"), digest_size=16).digest()


class Answers(Generic[T]):
    """The answers of this process by their key, the last ones that were asked for."""

    def __init__(self, rows_of: Callable[[T], Sequence[Any]]) -> None:
        self._rows_of = rows_of
        self._kept: OrderedDict[bytes, T] = OrderedDict()

    def get(self, key: bytes, work_out: Callable[[], T]) -> T:
        """Return the answer of a key; work it out if it was not asked for before."""
        found = self._kept.pop(key, None)
        if found is None:
            found = work_out()
        if len(self._rows_of(found)) <= MOST_ROWS:
            self._kept[key] = found
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return found
