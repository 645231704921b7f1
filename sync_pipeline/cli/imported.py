"""Sessions and changes that were imported, as `sessions` and `accounts changes` show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sync_pipeline.cli.context import MOST_ROWS, say, show_json, shown_time
from sync_pipeline.cli.output import Cell, Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.imported import (
    ImportedChange,
    ImportedFilter,
    ImportedRecord,
    ImportedSession,
)

if TYPE_CHECKING:
    from sync_pipeline.store.store import Store

NOTE = "What was imported is not among these: --imported shows it."
SESSION_COLUMNS = (
    *("session", "category", "type", "status", "started", "seconds", "done", "failed", "by"),
    "from",
)
RECORD_COLUMNS = ("instance", "status", "synced", "created", "updated", "deleted", "message")
CHANGE_COLUMNS = ("when", "instance", "account", "change", "what", "from")


def notes_of(store: Store) -> tuple[str, ...]:
    """Return what a list of ours says where something was imported."""
    return (NOTE,) if store.imported.has_any() else ()


def refuse_filters(given: dict[str, object]) -> None:
    """Refuse options that are of sessions and changes of ours alone.

    Raises:
        ConfigurationError: one is given.
    """
    names = [name for name, value in given.items() if value]
    if names:
        raise ConfigurationError(
            f"{names[0]} does not go with --imported: it is in the words of another system."
        )


def show_sessions(found: Sequence[ImportedSession], output: Output, nothing: str) -> None:
    """Show sessions and task runs of another system."""
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    rows = [
        (
            item.session_id,
            item.category,
            item.task or item.trigger,
            item.status,
            time_cell(item.started_at),
            _seconds(item.started_at, item.completed_at),
            f"{item.successful}/{item.total}",
            item.failed,
            item.created_by,
            item.source,
        )
        for item in found
    ]
    output.show(SESSION_COLUMNS, rows, nothing)


def show_session(store: Store, session_id: str, output: Output) -> bool:
    """Show an imported session with its records; return whether there is one of this id."""
    session = store.imported.session(session_id)
    if session is None:
        return False
    records = store.imported.records(session, MOST_ROWS)
    if output.is_json:
        shown = {"session": asdict(session), "records": [_record(item) for item in records]}
        show_json(shown)
        return True
    if output.is_table:
        say(
            f"The {session.kind} {session.session_id} of {session.source} "
            f"({session.task or session.trigger}) is {session.status}: "
            f"{session.successful} of {session.total} completed, {session.failed} failed."
        )
        ended = shown_time(session.completed_at) or "at no known time"
        say(f"Started {shown_time(session.started_at)}, ended {ended}.")
        if session.error:
            say(session.error)
    rows = [
        (
            item.name,
            item.status,
            *(item.synced, item.created, item.updated, item.deleted),
            item.error,
        )
        for item in records
    ]
    output.show(RECORD_COLUMNS, rows, "It has no record.")
    return True


def show_changes(store: Store, wanted: ImportedFilter, output: Output, nothing: str) -> None:
    """Show what changed by the log of another system."""
    found = store.imported.changes(wanted)
    if output.is_json:
        show_json([_change(item) for item in found])
        return
    rows = [
        (
            time_cell(item.changed_at),
            item.instance,
            item.account,
            item.change_type,
            item.lines,
            item.source,
        )
        for item in found
    ]
    output.show(CHANGE_COLUMNS, rows, nothing)


def _change(item: ImportedChange) -> dict[str, Any]:
    return {**asdict(item), "details": json.loads(item.details)}


def _record(item: ImportedRecord) -> dict[str, Any]:
    return {**asdict(item), "details": json.loads(item.details) if item.details else None}


def _seconds(began: datetime | None, ended: datetime | None) -> Cell | None:
    if began is None or ended is None:
        return None
    seconds = (ended - began).total_seconds()
    return Cell(seconds, f"{seconds:.1f}")
