"""What was found by looking through instances, kept in the process by what the last syncs left."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Select, select

from sync_pipeline.model.causes import Cause
from sync_pipeline.model.finding import Review
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.looked import (
    HeldOf,
    HeldThen,
    Lacking,
    LookedAt,
    LookedFor,
    SeenOn,
    SoughtOn,
    Span,
    Weighed,
    WorldOf,
)
from sync_pipeline.store.access import databases_of
from sync_pipeline.store.database import Database, among_named
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.schema import instance_reads as reads
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.schema import instances
from sync_pipeline.store.world_rows import accounts_mark

_MOST_ACCOUNTS = 30_000
"""Of whatever instances and rules: some 300 bytes each."""
_MOST_CAUSES = 20_000
"""With their findings, which are those that are kept of reviews: some 300 bytes each."""
_MOST_FOUND = 20_000
"""Findings as reviews say them, which are mostly those that are kept: some 100 bytes each."""
_MOST_JUDGED = 8_000
"""Accounts and grants of instances as pages judged them: with all that was found out in them, a few
kilobytes each."""
_MOST_HELD = 20_000
"""Moments, and accounts that had something then: some 300 bytes each."""
_MOST_LACKING = 20_000
"""Instances and texts: some 500 bytes each."""
_MOST_POINTS = 40_000
"""Days from which growth was estimated: some 200 bytes each."""


class _Spanned(Protocol):
    @property
    def span(self) -> Span: ...


KeyT = TypeVar("KeyT", bound=Hashable)
FoundT = TypeVar("FoundT", bound=_Spanned)


class KeptForATime(Generic[KeyT, FoundT]):
    """Values by keys that say all that they depend on but the time, of which they say it."""

    def __init__(self, most: int, weight: Callable[[FoundT], int]) -> None:
        self._kept: Kept[KeyT, FoundT] = Kept(most, weight)

    def get(self, key: KeyT, now: datetime) -> FoundT | None:
        """Return what is kept and holds now; None: nothing is."""
        found = self._kept.get(key)
        return found if found is not None and found.span.holds_at(now) else None

    def put(self, key: KeyT, found: FoundT) -> None:
        """Keep what was found."""
        self._kept.put(key, found)


class LookedThrough:
    """Accounts that rules take, findings and their causes, what is not there, and growth."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.accounts: KeptForATime[LookedFor, LookedAt] = KeptForATime(
            _MOST_ACCOUNTS, lambda found: 1 + len(found.lines) + len(found.gaps)
        )
        self.causes: Kept[SeenOn, tuple[Cause, ...]] = Kept(
            _MOST_CAUSES, lambda found: 1 + sum(1 + len(item.findings) for item in found)
        )
        self.reviews: Kept[SeenOn, Review] = Kept(
            _MOST_FOUND, lambda found: 1 + len(found.findings) + len(found.others)
        )
        # As the workflows made them: of what is stored, they know more than the store does.
        self.worlds: KeptForATime[WorldOf, Weighed] = KeptForATime(
            _MOST_JUDGED, lambda found: 1 + found.weight
        )
        self.held: KeptForATime[HeldOf, HeldThen] = KeptForATime(
            _MOST_HELD, lambda found: 1 + len(found.ways)
        )
        self.lacking: KeptForATime[SoughtOn, Lacking] = KeptForATime(_MOST_LACKING, lambda _: 1)
        # By all points from which it was estimated.
        self.growths: Kept[Hashable, Growth | None] = Kept(
            _MOST_POINTS, lambda found: 1 + (found.points if found is not None else 0)
        )

    def marks(self, instance_ids: Sequence[int]) -> dict[int, str]:
        """Return what tells what the last sync of each instance left; see `StoredAccess.mark`."""
        with self._database.read_once() as connection:
            query = _marks(connection.dialect.name)
            rows = connection.execute(query, {"of_ids": list(instance_ids)})
            return {row.id: accounts_mark(row.digest, row.written_at) for row in rows}

    def databases(self, instance_ids: Sequence[int]) -> dict[int, Databases]:
        """Return what the size collection knows of instances' databases; see `StoredAccess`."""
        with self._database.read_once() as connection:
            return databases_of(connection, instance_ids)


@cache
def _marks(backend: str) -> Select[Any]:
    """Return the statement that finds marks, made once for each backend."""
    return (
        select(instances.c.id, worlds.c.digest, reads.c.written_at)
        .select_from(instances)
        .outerjoin(worlds, worlds.c.instance_id == instances.c.id)
        .outerjoin(reads, reads.c.instance_id == instances.c.id)
        .where(among_named(backend, instances.c.id, "of_ids"))
    )
