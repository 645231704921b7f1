"""What the store kept of one instance over time: its changes, and the syncs that count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sync_pipeline.model.change import KnownAccount, LoggedChange
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.snapshot import SectionReport

LONG_WITHOUT_SYNC = timedelta(hours=36)
"""A time without a sync that is long whatever is usual on an instance."""


class Beginning(StrEnum):
    """Why a history begins where it does: nothing was synced before, kept of it, or asked of it."""

    FIRST_SYNC = "first sync"
    PRUNED = "pruned"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class SyncMark:
    """An account sync that completed and after which something was otherwise than before it.

    It wrote a change, or read other sections or another version than the one before, or came after
    a long time without one, or is the first or the last. `before_at` is when the sync right before
    it began, `before_ended_at` when that one completed; None: none is kept.
    """

    session_id: str
    began_at: datetime
    completed_at: datetime
    details: Mapping[str, Any]
    before_at: datetime | None = None
    before_ended_at: datetime | None = None
    is_after_gap: bool = False


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """The history of one instance from `begins_at` (UTC) on.

    `present` are all accounts there ever were, as they are now. `changes` are those since, newest
    first, in the order in which they were written; they are read while they are asked for, once.
    `syncs` are in order, with the last one that had completed by the beginning. `sections` are all
    that a sync ever looked at, as the last one read them. `first_session_id` is the session that
    synced it first. `mark` tells what the last sync left from what any other one does.
    """

    present: tuple[KnownAccount, ...]
    changes: Iterator[LoggedChange]
    begins_at: datetime
    beginning: Beginning
    first_session_id: str
    syncs: tuple[SyncMark, ...] = ()
    sections: Mapping[SectionKey, SectionReport] = field(default_factory=dict)
    mark: str = ""
