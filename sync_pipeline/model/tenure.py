"""Since when, until when and by which path an account had a power: as exact as syncs are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


class EdgeKind(StrEnum):
    """How a begin or an end is known.

    `SEEN`: one sync found it otherwise than the one before. `CLOCK`: a date came, such as the end
    of a password. `FIRST_SYNC`: it was so when the instance was synced first. `PRUNED`: it was so
    at the first moment of which changes are kept. `UNREAD`: it was so when what decides it was read
    for the first time. `ASKED`: it was so when the period that is asked about began.
    """

    SEEN = "seen"
    CLOCK = "clock"
    FIRST_SYNC = "first sync"
    PRUNED = "pruned"
    UNREAD = "unread"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Edge:
    """A begin or an end: it was not so yet `after` a moment, and was so `by` another (UTC).

    `after` is when the last sync that knew it otherwise began to read; None: no sync is known to
    have found it otherwise. `by` is the moment of the sync that found it.
    """

    kind: EdgeKind
    by: datetime
    after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """By what an account had it: a power's kind and source, the path to it, whether at login."""

    kind: str
    source: str
    path: tuple[str, ...] = ()
    availability: str = ""

    def __str__(self) -> str:
        return " → ".join((*self.path, self.source) if self.source else self.path)


@dataclass(frozen=True, slots=True)
class HeldWay:
    """One way, and when it was one; without an end it still was at the end of the tenure."""

    way: Way
    begin: Edge
    end: Edge | None = None


class BlankKind(StrEnum):
    """Why nothing is known of a time: no sync completed, or one could not read what decides."""

    NO_SYNC = "no sync"
    UNREAD = "not read"


@dataclass(frozen=True, slots=True)
class Blank:
    """A time of which it is not known whether something was held throughout.

    It is `after` the last sync that knew it and `until` the next one (UTC; None: none did since).
    `reason` says what was not read.
    """

    kind: BlankKind
    after: datetime | None
    until: datetime | None
    reason: str = ""

    def __str__(self) -> str:
        after = f"between {_shown(self.after)} and" if self.after else "until"
        why = "no sync completed" if self.kind is BlankKind.NO_SYNC else self.reason
        return f"{after} {_shown(self.until) if self.until else 'now'}: {why}"


@dataclass(frozen=True, slots=True)
class Tenure:
    """A time in which one account had what is asked about, whatever gave it.

    Without an end it was held at `held_at` (UTC), the last sync of the period; with one, `held_at`
    is the last sync that found it held. An account that was dropped and made again has two.
    """

    instance: str
    account: str
    begin: Edge
    held_at: datetime
    end: Edge | None = None
    ways: tuple[HeldWay, ...] = ()
    blanks: tuple[Blank, ...] = ()

    def by(self) -> Iterator[str]:
        """Yield the ways that it was held by; of one that was not one throughout, when it was."""
        for held in self.ways:
            told = []
            if held.begin != self.begin:
                told.append(f"since {_shown(held.begin.by)}")
            if held.end is not None:
                told.append(f"until {_shown(held.end.by)}")
            yield f"{held.way} ({', '.join(told)})" if told else str(held.way)

    @property
    def is_held(self) -> bool:
        """Return whether it was still held at the end of the period."""
        return self.end is None

    @property
    def at_least(self) -> timedelta:
        """Return how long it was held at least: from the sync that found it to the last that did.

        Whether it was interrupted between two syncs no sync tells.
        """
        return max(self.held_at - self.begin.by, timedelta())

    @property
    def at_most(self) -> timedelta | None:
        """Return how long it was held at most, by the last sync; None: its begin is not known."""
        begin = self.begin.by if self.begin.kind is EdgeKind.CLOCK else self.begin.after
        return None if begin is None else (self.end.by if self.end else self.held_at) - begin


@dataclass(frozen=True, slots=True)
class InstanceTenures:
    """The tenures of one instance, by account and begin; `notes` say what is not known of it."""

    instance: str
    tenures: tuple[Tenure, ...] = ()
    notes: tuple[str, ...] = ()
