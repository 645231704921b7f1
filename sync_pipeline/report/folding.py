"""Events of one thing as one story, so that what came and went is one line. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync_pipeline.model.event import Event, EventKind, StoredEvent
from sync_pipeline.model.finding import Severity

_FAMILIES = (
    (EventKind.POWER_GAINED, EventKind.POWER_LOST, EventKind.ACCOUNT_WITH_POWER),
    (EventKind.FINDING_OPENED, EventKind.FINDING_WORSENED, EventKind.FINDING_RESOLVED),
    (EventKind.DATABASE_GONE, EventKind.DATABASE_BACK),
    (EventKind.OVERDUE, EventKind.UP_TO_DATE),
)
_FAMILY = {kind: kinds[0] for kinds in _FAMILIES for kind in kinds}


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to one thing, oldest first; there is one event at least."""

    events: tuple[Event, ...]

    @property
    def first(self) -> Event:
        """Return the event with which it began."""
        return self.events[0]

    @property
    def last(self) -> Event:
        """Return the event with which it ended: how it is now."""
        return self.events[-1]

    @property
    def severity(self) -> Severity:
        """Return how bad the worst of it was."""
        return min((event.severity for event in self.events), key=lambda item: item.rank)


def family_of(kind: EventKind) -> EventKind:
    """Return the kind that stands for all kinds that are about the same thing."""
    return _FAMILY.get(kind, kind)


def fold(events: Iterable[StoredEvent]) -> list[Story]:
    """Return a story for each thing that events are about, by their first event."""
    found: dict[tuple[int, str, str, EventKind], list[Event]] = {}
    for stored in events:
        event = stored.event
        key = (event.instance_id, event.account, event.subject, family_of(event.kind))
        found.setdefault(key, []).append(event)
    return [Story(tuple(items)) for items in found.values()]
