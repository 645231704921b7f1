"""Syncs that were refused: told when one is, and not again for each one that follows."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select

from sync_pipeline.model.event import Event
from sync_pipeline.model.session import RecordClaim, RecordStatus
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.events.schema import events
from sync_pipeline.store.schema import sync_instance_records as records

_ENDS = (str(RecordStatus.COMPLETED), str(RecordStatus.FAILED))


def write_refusal(
    connection: Connection, claim: RecordClaim, refusal: Event, error_kind: str
) -> None:
    """Write that a sync was refused, in the transaction that ends its record.

    Nothing is written where its session said so already, or the sync before it ended the same way.
    """
    is_told = exists().where(
        events.c.instance_id == claim.instance_id,
        events.c.session_id == claim.session_id,
        events.c.kind == str(refusal.kind),
    )
    before = (
        select(records.c.error_kind)
        .where(
            records.c.instance_id == claim.instance_id,
            records.c.instance_name == claim.instance_name,
            records.c.sync_category == refusal.subject,
            records.c.status.in_(_ENDS),
            records.c.session_id != claim.session_id,
        )
        .order_by(records.c.id.desc())
        .limit(1)
    )
    if connection.scalar(select(is_told)) or connection.scalar(before) == error_kind:
        return
    write_events(connection, [refusal])
