"""The attempts at a record, kept when it begins again, within a caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, literal, or_, select

from sync_pipeline.model.session import RecordClaim, RecordStatus
from sync_pipeline.store.database import among, inserting
from sync_pipeline.store.schema import UtcDateTime
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_record_attempts as attempts

_KEY = ("session_id", "instance_id", "run_id", "attempt")
_END = ("status", "started_at", "ended_at", "error_kind", "error_message")
_STANDING: dict[str, ColumnElement[Any]] = {
    name: records.c["completed_at" if name == "ended_at" else name] for name in (*_KEY, *_END)
}
"""What an attempt keeps of its record, by its own columns."""


def keep_standing(connection: Connection, record_ids: Sequence[int]) -> None:
    """Keep how records stand that are about to begin again.

    One that nothing was done for leaves nothing.
    """
    _keep(
        connection,
        _STANDING,
        and_(
            among(connection, records.c.id, record_ids),
            or_(records.c.attempt > 0, records.c.completed_at.is_not(None)),
        ),
    )


def keep_failed(
    connection: Connection,
    claim: RecordClaim,
    error_kind: str,
    error_message: str,
    now: datetime | None,
) -> None:
    """Keep an attempt that failed and is followed by another one of the same run."""
    failed: dict[str, ColumnElement[Any]] = {
        "status": literal(str(RecordStatus.FAILED)),
        "ended_at": literal(now, UtcDateTime()),
        "error_kind": literal(error_kind),
        "error_message": literal(error_message),
    }
    of_claim = and_(
        records.c.session_id == claim.session_id, records.c.instance_id == claim.instance_id
    )
    _keep(connection, {**_STANDING, **failed}, of_claim)


def _keep(
    connection: Connection, values: Mapping[str, ColumnElement[Any]], chosen: ColumnElement[bool]
) -> None:
    """Write attempts; one that was written before has ended since, and is written anew."""
    statement = inserting(connection, attempts).from_select(
        list(values), select(*values.values()).where(chosen)
    )
    ends = {name: statement.excluded[name] for name in _END}
    connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=ends))
