"""Events: what a sync or a look at the fleet noticed that somebody may want to be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_pipeline.model.finding import Severity


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
class StoredEvent:
    """An event as the store has it; a larger `id` was written later by its own transaction."""

    id: int
    event: Event
