"""How a review tells what it changes, and which findings somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

from sync_pipeline.access.events.context import EventContext
from sync_pipeline.access.events.findings import events_of
from sync_pipeline.access.events.powers import power_events
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.event import Event, EventOrigin
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.review import FindingChanges
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.dependencies import SyncDeps

EventsOf = Callable[[FindingChanges], Sequence[Event]]


def counting_of(deps: SyncDeps) -> Counting | None:
    """Return the rules of findings as they are now; None: the file is not valid."""
    try:
        return Counting.of(deps)
    except ConfigurationError:
        return None


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the events of a review. Where the findings file is not valid, all is told."""

    counting: Counting | None
    appeared: Collection[str] = field(default=())
    gone: Collection[str] = field(default=())

    def told(self, origin: EventOrigin) -> EventsOf:
        """Return what makes events of what a review of this origin finds otherwise."""
        return partial(events_of, context=self._context(origin))

    def powers(self, origin: EventOrigin, changes: FindingChanges) -> tuple[Event, ...]:
        """Return the events of powers alone."""
        return tuple(power_events(changes, self._context(origin)))

    def _context(self, origin: EventOrigin) -> EventContext:
        return EventContext(
            origin,
            frozenset(self.appeared),
            frozenset(self.gone),
            _all if self.counting is None else self.counting.is_shown,
        )


def _all(_finding: Finding) -> bool:
    return True
