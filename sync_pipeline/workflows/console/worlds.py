"""Instances with their accounts as pages judged them, kept for the next ones.

A world is unpacked, and what is costly to find out in it is found once, by all that asks in the
next moments. It is kept by what the last sync left, and while nothing that the time decides turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_pipeline.model.instance import Instance
from sync_pipeline.model.looked import LeftBySync, Span, WorldOf
from sync_pipeline.workflows.answers.access import LoadedInstance, load
from sync_pipeline.workflows.dependencies import SyncDeps

_OLDEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeptWorld:
    """An instance that was judged."""

    loaded: LoadedInstance

    @property
    def span(self) -> Span:
        """Return the time in which all is so that was asked of it until now."""
        turns = self.loaded.judged.world.turns
        return Span(turns.last, turns.next)

    @property
    def weight(self) -> int:
        """Return how many accounts and grants it has."""
        return sum(1 + len(item.grants) for item in self.loaded.stored.accounts.values())


@dataclass(frozen=True, slots=True)
class KeptWorlds:
    """What is kept of worlds with the grants that concern a text; None: with all."""

    deps: SyncDeps
    text: str | None = None

    def get(self, item: Instance, mark: str, now: datetime) -> LoadedInstance | None:
        """Return an instance as the sync of a mark left it; None: it is not kept."""
        key = WorldOf(LeftBySync.of(item, mark), self.text)
        found = self.deps.store.looked_through.worlds.get(key, now)
        if not isinstance(found, KeptWorld):
            return None
        asked_at = found.loaded.judged.world.asked_at
        is_young = asked_at is not None and timedelta(0) <= now - asked_at < _OLDEST
        return found.loaded if is_young else None

    def put(self, loaded: LoadedInstance) -> None:
        """Keep what was loaded."""
        if not loaded.stored.is_damaged:
            key = WorldOf(LeftBySync.of(loaded.instance, loaded.stored.mark), self.text)
            self.deps.store.looked_through.worlds.put(key, KeptWorld(loaded))

    def load(self, item: Instance) -> LoadedInstance:
        """Return one instance as of now.

        Raises:
            StoreDamaged: what is stored of it is not what was written.
        """
        marks = self.deps.store.looked_through.marks([item.id])
        found = self.get(item, marks.get(item.id, ""), self.deps.clock())
        if found is None:
            (found,) = load(self.deps, [item])
            self.put(found)
        return found
