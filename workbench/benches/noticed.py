"""All events of a store, as tests look at them."""

from __future__ import annotations

from datetime import UTC, datetime

from sync_pipeline.model.event import StoredEvent
from sync_pipeline.store.store import Store

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


def noticed_since(store: Store, moment: datetime = FIRST, most: int = 100_000) -> list[StoredEvent]:
    """Return the events that were noticed at a moment or later, oldest first, so many."""
    return [item.stored for item in store.events.noticed(moment, LAST, most)]
