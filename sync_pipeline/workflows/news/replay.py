"""What would have been told of past events by the rules in force, and what would be of one now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.event import Event, EventKind, StoredEvent
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.route import Alerting, Arrived, Route
from sync_pipeline.notify.matching import rules_for
from sync_pipeline.report.folding import Story, fold
from sync_pipeline.report.stories import sentence
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.news.telling import decide_by

MOST_REPLAYED = 100_000
"""Events of one replay."""
LOOK = timedelta(minutes=1)
"""Between two looks of the daemon: what is told at once in between is one message."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One line of a message; `more` lines of the same message would not have been in it."""

    route: str
    at: datetime
    text: str
    story: Story
    more: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """Lines by the time of their message; `events` were looked at, and there are more or not."""

    lines: tuple[Replayed, ...]
    events: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """Which rules would match an event, and where and when it would be told."""

    event: Event
    rules: tuple[str, ...]
    told: tuple[tuple[str, datetime], ...]


def replay(deps: SyncDeps, alerting: Alerting, since: datetime, until: datetime) -> Replay:
    """Return what would have been told of the events of a span of time; nothing is sent."""
    found = deps.store.events.noticed(since, until, MOST_REPLAYED + 1)
    is_cut = len(found) > MOST_REPLAYED
    found = found[:MOST_REPLAYED]
    decide = decide_by(alerting, deps.settings)
    stored = {item.stored.id: item.stored for item in found}
    messages: dict[tuple[datetime, str], list[StoredEvent]] = {}
    for line in decide(found):
        key = (_look(line.due_at), line.route)
        messages.setdefault(key, []).append(stored[line.event_id])
    routes = {item.name: item for item in alerting.routes}
    lines = [
        line
        for (moment, name), events in sorted(messages.items(), key=lambda item: item[0])
        for line in _lines(routes[name], moment, events)
    ]
    return Replay(tuple(lines), len(found), is_cut)


def tried(
    deps: SyncDeps,
    alerting: Alerting,
    kinds: Sequence[EventKind],
    severity: Severity,
    *,
    instance: str = "",
    account: str = "",
    subject: str = "",
) -> list[Trial]:
    """Return what would become of an event of each kind that happened now.

    Raises:
        ConfigurationError: there is no instance of this name.
    """
    place = deps.store.registry.instance(instance) if instance else None
    if instance and place is None:
        raise ConfigurationError(
            f"The instance {instance!r} does not exist.", hint="See: sync-pipeline instances list."
        )
    now, decide = deps.clock(), decide_by(alerting, deps.settings)
    found = []
    for kind in kinds:
        event = Event(kind, severity, 0, instance, now, account=account, subject=subject)
        arrived = Arrived(
            StoredEvent(0, event),
            str(place.engine) if place else "",
            place.tags if place else (),
            (place.environment or "") if place else "",
        )
        rules = tuple(rule.name for rule in rules_for(alerting, arrived))
        told = tuple((line.route, line.due_at) for line in decide([arrived]))
        found.append(Trial(event, rules, told))
    return found


def _look(moment: datetime) -> datetime:
    """Return when the daemon looks first at what is due at a moment."""
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + LOOK


def _lines(route: Route, moment: datetime, events: Sequence[StoredEvent]) -> Iterator[Replayed]:
    stories = sorted(fold(events), key=lambda item: item.severity.rank)
    shown = stories[: route.most_lines]
    more = len(stories) - len(shown)
    for number, story in enumerate(shown, 1):
        text = sentence(story, moment)
        yield Replayed(route.name, moment, text, story, more if number == len(shown) else 0)
