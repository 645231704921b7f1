"""Routes on which people are told of events, and rules that say which events go where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from sync_pipeline.model.event import EventKind, StoredEvent
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import EngineName

MOST_LINES = 20
"""Lines of a message about events, unless a route says otherwise."""


class ChannelKind(StrEnum):
    """What takes the messages of a route."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"
    FEISHU = "feishu"
    DINGTALK = "dingtalk"
    EMAIL = "email"


class Rhythm(StrEnum):
    """When a route tells."""

    AT_ONCE = "at once"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Timing:
    """When a route tells: `at` and `weekday` (Monday is 0) are of the fleet's zone."""

    rhythm: Rhythm = Rhythm.AT_ONCE
    at: time = time(0)
    weekday: int = 0

    def __str__(self) -> str:
        """Return it as it is written in the file."""
        match self.rhythm:
            case Rhythm.DAILY:
                return f"daily {self.at:%H:%M}"
            case Rhythm.WEEKLY:
                return f"weekly {WEEKDAYS[self.weekday]} {self.at:%H:%M}"
            case _:
                return str(self.rhythm)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in which a route tells nothing; what happens then is told at their end.

    Minutes after midnight in the fleet's zone, from `begins` to `ends`, which is on the next day
    where it is not later. `days` are those on which they begin, Monday is 0.
    """

    begins: int
    ends: int
    days: frozenset[int] = frozenset(range(7))

    def __str__(self) -> str:
        """Return it as it is written in the file."""
        hours = f"{_clock(self.begins)}-{_clock(self.ends)}"
        if len(self.days) == len(WEEKDAYS):
            return hours
        return f"{','.join(WEEKDAYS[day] for day in sorted(self.days))} {hours}"


@dataclass(frozen=True, slots=True)
class Route:
    """One way to some people.

    `url` and `secret` are references to secrets, `to` are addresses of mail; without them those of
    the settings are taken. A message has `most_lines` lines about events at most.
    """

    name: str
    channel: ChannelKind
    url: str = ""
    secret: str = ""
    to: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)
    quiet: tuple[QuietHours, ...] = ()
    most_lines: int = MOST_LINES


@dataclass(frozen=True, slots=True)
class RouteTimes:
    """When (UTC) a route tells of what has happened by a moment.

    `tells_from` is that moment, or the end of the quiet hours that it is in: until then what was
    due before waits, too. Nothing that has happened is told later than `tells_by`, unless its
    channel is away. `last_quiet` are the begin and the end of the quiet hours before; None: that
    moment is in none, or there were none before.
    """

    name: str
    tells_from: datetime
    tells_by: datetime
    last_quiet: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which events a rule is about. What is empty narrows nothing; the others all have to hold.

    `severity` is the least; `instances`, `accounts` and `classes` are LIKE patterns, and a class
    is a power, or a class of the classification file, that an event names as its subject.
    """

    kinds: frozenset[EventKind] = frozenset()
    severity: Severity = Severity.INFO
    engines: frozenset[EngineName] = frozenset()
    tags: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    instances: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Events that match are told on these routes."""

    name: str
    match: Match
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alerting:
    """The routes, and the rules in their order. An event goes to all routes of all that match."""

    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event of which is to be decided whom to tell, and what its instance is now."""

    stored: StoredEvent
    engine: str
    tags: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """An event that a route has to tell, not before `due_at` (UTC)."""

    route: str
    event_id: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to be sent now, or once more: it is the same then, by its `key`.

    `events` are its first ones, in the order in which they came, of `total`. `late` more are too
    old to be told; the first of them was noticed at `late_since`. `attempts` has this one in it.
    """

    id: int
    key: str
    route: str
    made_at: datetime
    events: tuple[StoredEvent, ...]
    total: int
    late: int = 0
    late_since: datetime | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class RouteState:
    """What a route has still to tell, and how it fares. `waiting` are events that are due."""

    route: str
    waiting: int = 0
    failures: int = 0
    next_try_at: datetime | None = None
    error: str = ""
    last_sent_at: datetime | None = None


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
