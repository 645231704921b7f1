"""Writing events in the transaction of what they are about, and reading rows of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row

from sync_pipeline.model.event import Event, EventKind, StoredEvent
from sync_pipeline.model.finding import Severity
from sync_pipeline.store.database import insert_rows
from sync_pipeline.store.events.schema import events


def write_events(connection: Connection, found: Iterable[Event]) -> None:
    """Write events, in their order, with one statement."""
    rows = [
        {
            "instance_id": item.instance_id,
            "kind": str(item.kind),
            "severity": str(item.severity),
            "account_name": item.account,
            "subject": item.subject,
            "before": item.before,
            "after": item.after,
            "path": list(item.path),
            "session_id": item.session_id,
            "run_id": item.run_id,
            "occurred_at": item.occurred_at,
            "taken_at": None,
        }
        for item in found
    ]
    insert_rows(connection, events, rows)


def event_of(row: Row[Any], instance: str) -> StoredEvent:
    """Return the event that a row of the table is of; `instance` is the instance's name now."""
    found = Event(
        kind=EventKind(row.kind),
        severity=Severity(row.severity),
        instance_id=row.instance_id,
        instance=instance,
        occurred_at=row.occurred_at,
        account=row.account_name,
        subject=row.subject,
        before=row.before,
        after=row.after,
        path=tuple(row.path),
        session_id=row.session_id,
        run_id=row.run_id,
    )
    return StoredEvent(row.id, found)
