"""What did not go well in a session, as much of it as a summary shows."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.model.session import RecordStatus


@dataclass(frozen=True, slots=True)
class Failure:
    """One instance that failed or was cancelled; the message may be cut."""

    instance: str
    status: RecordStatus
    kind: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Failures:
    """How many there are, and the first of them by instance name."""

    total: int = 0
    first: tuple[Failure, ...] = ()
