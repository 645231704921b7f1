"""Events: what a sync or a look at the fleet noticed that somebody may want to be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_pipeline.model.finding import Severity
from sync_pipeline.model.text import MORE, visible_start

MOST_CHARACTERS = 500
"""Of one line of an event: names are a server's, and of any length."""
MOST_STEPS = 12
"""Of a path, of which the first and the last ones are kept."""
_LAST_STEPS = 3


class EventKind(StrEnum):
    """What happened; the words by which a rule names it."""

    POWER_GAINED = "power_gained"
    POWER_LOST = "power_lost"
    GRANTED_TO_EVERYONE = "granted_to_everyone"
    ACCOUNT_WITH_POWER = "account_with_power"
    FINDING_OPENED = "finding_opened"
    FINDING_WORSENED = "finding_worsened"
    FINDING_RESOLVED = "finding_resolved"
    SYNC_REFUSED = "sync_refused"
    SIZE_ANOMALY = "size_anomaly"
    LIMIT_NEAR = "limit_near"
    DATABASE_GONE = "database_gone"
    DATABASE_BACK = "database_back"
    OVERDUE = "overdue"
    UP_TO_DATE = "up_to_date"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on one instance, as it is written and as it is told.

    `account` is empty where it is of the instance itself. `subject` names what it is about: a power
    or class, a rule, a database, a category of syncs. `before` and `after` are one line each, empty
    where there is nothing. `path` is how the account comes by it, a step a line. It was noticed at
    `occurred_at` (UTC), when the accounts or sizes were read. `run_id` is of the Dagster run, empty
    where no run noticed it.
    """

    kind: EventKind
    severity: Severity
    instance_id: int
    instance: str
    occurred_at: datetime
    account: str = ""
    subject: str = ""
    before: str = ""
    after: str = ""
    path: tuple[str, ...] = ()
    session_id: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """Where and when events are noticed: what those of one sync have in common.

    `observed_at` (UTC) is when the accounts or sizes were read. Without a session and a run it is
    somebody who asked.
    """

    instance_id: int
    instance: str
    observed_at: datetime
    session_id: str = ""
    run_id: str = ""

    def event(
        self,
        kind: EventKind,
        severity: Severity,
        *,
        account: str = "",
        subject: str = "",
        before: str = "",
        after: str = "",
        path: tuple[str, ...] = (),
    ) -> Event:
        """Return an event of this origin, each text of it as one visible line of a length."""
        return Event(
            kind,
            severity,
            self.instance_id,
            self.instance,
            self.observed_at,
            account,
            visible_start(subject, MOST_CHARACTERS),
            visible_start(before, MOST_CHARACTERS),
            visible_start(after, MOST_CHARACTERS),
            tuple(visible_start(step, MOST_CHARACTERS) for step in _bounded(path)),
            self.session_id,
            self.run_id,
        )


def _bounded(path: tuple[str, ...]) -> tuple[str, ...]:
    if len(path) <= MOST_STEPS:
        return path
    first = MOST_STEPS - _LAST_STEPS - 1
    left_out = f"{MORE} {len(path) - first - _LAST_STEPS} more {MORE}"
    return (*path[:first], left_out, *path[-_LAST_STEPS:])


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the store has it; a larger `id` was written later by its own transaction."""

    id: int
    event: Event
