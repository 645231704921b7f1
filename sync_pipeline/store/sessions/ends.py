"""The ends of records: written with their work, and remembered by who wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.store.database import Database
from sync_pipeline.store.sessions.state import ended_record


class RecordEnds:
    """Ends records, and knows which ones this process ended. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: set[tuple[str, int]] = set()

    @contextmanager
    def writing(
        self, claim: RecordClaim, outcome: RecordOutcome, now: datetime
    ) -> Iterator[Connection]:
        """End a record in one transaction with what the block writes.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreUnavailable: nothing is written.
        """
        with (
            self._database.write() as connection,
            ended_record(connection, claim, outcome, now),
        ):
            yield connection
        self._written.add((claim.session_id, claim.instance_id))

    def is_written(self, session_id: str, instance_id: int) -> bool:
        """Return whether this process ended a record and has not begun it again."""
        return (session_id, instance_id) in self._written

    def forget(self, session_id: str, instance_id: int) -> None:
        """Note that a record begins again."""
        self._written.discard((session_id, instance_id))
