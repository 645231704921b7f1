"""A page of a long list: its rows, and the key after which the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, TypeVar

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncCategory

ItemT = TypeVar("ItemT")
Key = tuple[str | int, ...]
"""What tells a row's place in its order; it goes into an address."""
MOST_ALIKE = 1000
"""Changes of one account that have one moment, at most: a sync writes a few."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which page is wanted: at most `limit` rows after a key; None: from the beginning."""

    limit: int = 50
    after: Key | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """Rows in their order. `next` is None on the last page; `total` where it was counted."""

    items: tuple[ItemT, ...] = ()
    next: Key | None = None
    total: int | None = None


def checked_key(key: Key | None, *kinds: type) -> Key | None:
    """Return a key whose parts are of these kinds; None for None.

    Raises:
        ConfigurationError: it is the key of another list, or none at all.
    """
    if key is None:
        return None
    if len(key) != len(kinds) or any(
        type(part) is not kind for part, kind in zip(key, kinds, strict=True)
    ):
        raise no_key()
    return key


def no_key() -> ConfigurationError:
    """Return that a key is none of a list."""
    return ConfigurationError(
        "This is not the address of a page of this list.", hint="Begin at its first page."
    )


def moment_of(key: Key, part: int = 0) -> datetime:
    """Return the moment (UTC) that a part of a key names.

    Raises:
        ConfigurationError: it names none, or one that has no date in UTC.
    """
    try:
        found = datetime.fromisoformat(str(key[part]))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise no_key()


def alike_of(key: Key, part: int) -> int:
    """Return how many rows of one moment were shown, as a part of a key says.

    Raises:
        ConfigurationError: so many there are not: as a limit it would have all rows read.
    """
    count = int(key[part])
    if not 0 <= count <= MOST_ALIKE:
        raise no_key()
    return count


def page_of(rows: Sequence[ItemT], limit: int, key: Callable[[ItemT], Key]) -> Page[ItemT]:
    """Return the page of rows of which one more than `limit` was asked for."""
    shown = tuple(rows[:limit])
    return Page(shown, key(shown[-1]) if len(rows) > limit else None)


def page_of_list(items: Iterable[ItemT], place: Place, key: Callable[[ItemT], Key]) -> Page[ItemT]:
    """Return a page of a list that is at hand, in its order.

    Several rows may have one key: the last part of the key in an address says how many of them
    were shown.
    """
    everything = list(items)
    begin = _begin(everything, place.after, key)
    shown = tuple(everything[begin : begin + place.limit])
    end = begin + len(shown)
    if end >= len(everything):
        return Page(shown, None, len(everything))
    last = key(shown[-1])
    seen = sum(key(item) == last for item in everything[:end])
    return Page(shown, (*last, seen), len(everything))


def page_of_stream(
    items: Iterable[ItemT], place: Place, key: Callable[[ItemT], Key]
) -> Page[ItemT]:
    """Return a page of items in the order of their keys, of which no more are taken than it has.

    They begin before the place or at it, with all that have its key. The keys are those of
    `page_of_list`.
    """
    *known, count = place.after or (0,)
    after = tuple(known) if place.after else None
    shown: list[ItemT] = []
    passed = 0
    for item in items:
        own = key(item)
        if after is not None and own <= after:
            passed += own == after
            if own < after or passed <= int(count):
                continue
        if len(shown) == place.limit:
            last = key(shown[-1])
            seen = sum(key(one) == last for one in shown)
            seen += int(count) if last == after else 0
            return Page(tuple(shown), (*last, seen))
        shown.append(item)
    return Page(tuple(shown))


def _begin(items: Sequence[ItemT], after: Key | None, key: Callable[[ItemT], Key]) -> int:
    if after is None:
        return 0
    *place, count = after
    known, shown = tuple(place), int(count)
    for number, item in enumerate(items):
        own = key(item)
        if own > known:
            return number
        if own == known:
            if not shown:
                return number
            shown -= 1
    return len(items)


class InstanceState(StrEnum):
    """What instances can be filtered by."""

    SYNCED = "synced"
    """Active, was reached, and nothing of it is overdue, failing, or held back."""
    ACTIVE = "active"
    INACTIVE = "inactive"
    FAILING = "failing"
    OVERDUE = "overdue"
    MAINTENANCE = "maintenance"
    NEVER = "never-reached"
    HELD = "held"
    """Not tried now, because it was not reached again and again."""


class InstanceOrder(StrEnum):
    """What instances can be sorted by; equal ones by name."""

    NAME = "name"
    ENGINE = "engine"
    ENVIRONMENT = "environment"
    REACHED = "reached"


@dataclass(frozen=True, slots=True)
class InstanceQuestion:
    """Which instances to list. Values within one field are alternatives."""

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    state: InstanceState | None = None
    text: str = ""
    order: InstanceOrder = InstanceOrder.NAME
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class InstanceLine:
    """An instance with how many active accounts are known of it, and what is overdue."""

    instance: Instance
    accounts: int
    overdue: tuple[SyncCategory, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionQuestion:
    """Which sessions to list, newest first unless asked otherwise."""

    category: SyncCategory | None = None
    status: SessionStatus | None = None
    instance: str = ""
    is_oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class RecordQuestion:
    """Which records of a session to list, by name of the instance."""

    session_id: str
    status: RecordStatus | None = None


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many records of a session ended in a way, by the kind of their error."""

    status: RecordStatus
    error_kind: str | None
    count: int


class NameMatch(StrEnum):
    """How a text is looked for in names."""

    BEGINS = "begins"
    CONTAINS = "contains"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """Which accounts to list, by name. `text` is looked for as `match` says; empty: any.

    `with_own`: also those that the engines made for themselves. `since` and `until` (UTC) are of
    the last change. A `class_name`, capabilities, roles (names, had through any chain) and a past
    moment (`at`) take a look at what accounts can do: these are listed by instance, then by name.
    """

    text: str = ""
    match: NameMatch = NameMatch.BEGINS
    instance: str = ""
    tags: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    is_gone: bool = False
    only_superusers: bool = False
    only_locked: bool = False
    only_login: bool = False
    with_own: bool = True
    since: datetime | None = None
    until: datetime | None = None
    class_name: str = ""
    capabilities: tuple[Capability, ...] = ()
    roles: tuple[str, ...] = ()
    at: datetime | None = None

    @property
    def rule(self) -> AccountRule:
        """Return what has to be found out by a look at what accounts can do."""
        return AccountRule(self.class_name, self.capabilities, self.roles, self.with_own)

    @property
    def is_looked_through(self) -> bool:
        """Return whether instances have to be looked through for it."""
        return self.at is not None or not self.rule.is_any


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account as lists show it (UTC); what it may do is read where it is asked for.

    When it last changed before a past moment is not known of one that has changed since.
    """

    instance: str
    engine: str
    name: str
    kind: str
    is_active: bool
    is_superuser: bool
    is_locked: bool
    can_login: bool
    last_change_at: datetime | None
