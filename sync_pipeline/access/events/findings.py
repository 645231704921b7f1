"""Events of findings that came, went, or became worse. Pure.

Those of powers are told as powers, so that one thing is told once.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.events.context import EventContext
from sync_pipeline.access.events.powers import power_events, power_of
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.review import FindingChanges


def events_of(changes: FindingChanges, context: EventContext) -> tuple[Event, ...]:
    """Return the events of what a review finds otherwise than the one before: powers first."""
    return (*power_events(changes, context), *_finding_events(changes, context))


def _finding_events(changes: FindingChanges, context: EventContext) -> Iterator[Event]:
    shown = context.is_shown
    for item in changes.opened:
        if power_of(item) is None and shown(item):
            yield _event(context, EventKind.FINDING_OPENED, item, after=item.evidence)
    for was, item in changes.worsened:
        if shown(item):
            yield _event(
                *(context, EventKind.FINDING_WORSENED, item),
                before=_as_it_was(was),
                after=f"{item.severity}: {item.evidence}",
            )
    for item in changes.resolved:
        if power_of(item) is None and shown(item):
            yield _event(context, EventKind.FINDING_RESOLVED, item, before=_as_it_was(item))


def _event(
    context: EventContext, kind: EventKind, item: Finding, before: str = "", after: str = ""
) -> Event:
    return context.origin.event(
        kind,
        item.severity,
        account=item.account,
        subject=f"{item.rule}: {item.about}" if item.about else item.rule,
        before=before,
        after=after,
        path=tuple(map(str, item.path)),
    )


def _as_it_was(item: Finding) -> str:
    since = f", since {item.first_seen:%Y-%m-%d %H:%M} UTC" if item.first_seen else ""
    evidence = f": {item.evidence}" if item.evidence else ""
    return f"{item.severity}{since}{evidence}"
