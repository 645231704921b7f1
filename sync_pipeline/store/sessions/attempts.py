"""The attempts at a record, kept when it begins again, within a caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from sync_pipeline.model.session import RecordClaim, RecordStatus
from sync_pipeline.store.database import among
from sync_pipeline.store.schema import UtcDateTime
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.schema import sync_record_attempts as attempts

_KEY = ("session_id", "instance_id", "run_id", "attempt")
_END = ("status", "started_at", "ended_at", "error_kind", "error_message")
_STANDING = (
    records.c.session_id,
    records.c.instance_id,
    records.c.run_id,
    records.c.attempt,
    records.c.status,
    records.c.started_at,
    records.c.completed_at,
    records.c.error_kind,
    records.c.error_message,
)


def keep_standing(connection: Connection, record_ids: Sequence[int]) -> None:
    """Keep how records stand that are about to begin again.

    One that nothing was done for leaves nothing.
    """
    _keep(
        connection,
        select(*_STANDING).where(
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
    _keep(
        connection,
        select(
            *_STANDING[:4],
            literal(str(RecordStatus.FAILED)),
            records.c.started_at,
            literal(now, UtcDateTime()),
            literal(error_kind),
            literal(error_message),
        ).where(
            records.c.session_id == claim.session_id, records.c.instance_id == claim.instance_id
        ),
    )


def _keep(connection: Connection, found: Select[Any]) -> None:
    """Write attempts; one that was written before has ended since, and is written anew."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(attempts).from_select([*_KEY, *_END], found)
    values = {name: statement.excluded[name] for name in _END}
    connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=values))
