"""A list made of two: rows of ours and rows that were imported, in the order of their moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Generic, TypeVar

from sync_pipeline.model.page import Key, Page, Place, checked_key, no_key

OursT = TypeVar("OursT")
TheirsT = TypeVar("TheirsT")
ItemT = TypeVar("ItemT")


class _At(IntEnum):
    """Where a list stands at the begin of a page."""

    BEGIN = 0
    AFTER = 1
    END = 2


@dataclass(frozen=True, slots=True)
class Listed(Generic[ItemT]):
    """A list by moments: its pages, the moment of a row, and the kinds of the parts of its key."""

    page: Callable[[Place], Page[ItemT]]
    moment: Callable[[ItemT], datetime]
    kinds: tuple[type, ...]


def merged(
    ours: Listed[OursT], theirs: Listed[TheirsT], place: Place, *, is_oldest_first: bool = False
) -> Page[OursT | TheirsT]:
    """Return a page of both lists; of one moment, what is ours first.

    Where `theirs` has nothing it is a page of `ours`, with its key: nobody is told by a key that
    others have something.

    Raises:
        ConfigurationError: the key is none of this list.
    """
    if place.after is not None and len(place.after) == len(ours.kinds):
        own = ours.page(place)
        return Page(own.items, own.next, own.total)
    at, begin = _read(place.after, ours.kinds, theirs.kinds)
    first = _page(ours, at[0], Place(place.limit, begin[0]))
    second = _page(theirs, at[1], Place(place.limit, begin[1]))
    if place.after is None and not second.items:
        return Page(first.items, first.next, first.total)
    items: list[OursT | TheirsT] = []
    own_count = their_count = 0
    for is_own in _turns(
        [ours.moment(item) for item in first.items],
        [theirs.moment(item) for item in second.items],
        is_oldest_first=is_oldest_first,
    ):
        if len(items) == place.limit:
            break
        items.append(first.items[own_count] if is_own else second.items[their_count])
        own_count, their_count = own_count + is_own, their_count + (not is_own)
    following = (
        *_following(ours, first, own_count, at[0], begin[0]),
        *_following(theirs, second, their_count, at[1], begin[1]),
    )
    is_end = following[0] == following[len(ours.kinds) + 1] == _At.END
    return Page(tuple(items), None if is_end else following)


def _turns(
    ours: Sequence[datetime], theirs: Sequence[datetime], *, is_oldest_first: bool
) -> Iterator[bool]:
    """Yield whose row is the next one, ours or theirs."""
    own = other = 0
    while own < len(ours) or other < len(theirs):
        if own == len(ours) or other == len(theirs):
            is_own = own < len(ours)
        elif is_oldest_first:
            is_own = ours[own] <= theirs[other]
        else:
            is_own = ours[own] >= theirs[other]
        own, other = own + is_own, other + (not is_own)
        yield is_own


def _page(listed: Listed[ItemT], at: _At, place: Place) -> Page[ItemT]:
    return Page() if at is _At.END else listed.page(place)


def _following(
    listed: Listed[ItemT], page: Page[ItemT], taken: int, at: _At, begin: Key | None
) -> Key:
    """Return where a list stands after so many rows of its page."""
    if taken == len(page.items):
        key, state = page.next, _At.END if page.next is None else _At.AFTER
    elif not taken:
        key, state = begin, at
    else:
        # Its own key of that row, which is the last of a shorter page.
        key, state = listed.page(Place(taken, begin)).next, _At.AFTER
    return int(state), *(key or (kind() for kind in listed.kinds))


def _read(
    key: Key | None, own: tuple[type, ...], other: tuple[type, ...]
) -> tuple[tuple[_At, _At], tuple[Key | None, Key | None]]:
    """Return where both lists stand.

    Raises:
        ConfigurationError: the key is none of this list.
    """
    checked = checked_key(key, int, *own, int, *other)
    if checked is None:
        return (_At.BEGIN, _At.BEGIN), (None, None)
    parts = checked[: len(own) + 1], checked[len(own) + 1 :]
    if any(part[0] not in tuple(_At) for part in parts):
        raise no_key()
    first, second = (_At(int(part[0])) for part in parts)
    begins = [part[1:] if part[0] == _At.AFTER else None for part in parts]
    return (first, second), (begins[0], begins[1])
