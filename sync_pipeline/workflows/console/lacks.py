"""Instances on which what a text names is not, as pages found them: mostly nearly all of a fleet.

It is kept in the process by all that it depends on, so that the next page, or another privilege,
reads no accounts of them. Nor are those of the others read anew for each page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sync_pipeline.model.instance import Instance
from sync_pipeline.model.looked import Lacking, LeftBySync, SoughtOn
from sync_pipeline.workflows.answers.access import LoadedInstance
from sync_pipeline.workflows.console.worlds import KeptWorlds
from sync_pipeline.workflows.dependencies import SyncDeps


@dataclass(frozen=True, slots=True)
class KeptLacks:
    """What is kept of one text."""

    deps: SyncDeps
    text: str

    def known(
        self, some: Sequence[Instance], usernames: Mapping[str, str]
    ) -> Mapping[int, Lacking | LoadedInstance]:
        """Return what is known of instances, by their ids: two statements."""
        store, now = self.deps.store.looked_through, self.deps.clock()
        ids = [item.id for item in some]
        marks, databases = store.marks(ids), store.databases(ids)
        worlds = KeptWorlds(self.deps, self.text)
        found: dict[int, Lacking | LoadedInstance] = {}
        for item in some:
            mark = marks.get(item.id, "")
            left = LeftBySync.of(item, mark)
            username = usernames.get(item.credential, "")
            on = SoughtOn(left, self.text, databases.get(item.id), username)
            lacking = store.lacking.get(on, now)
            if lacking is not None:
                found[item.id] = lacking
                continue
            loaded = worlds.get(item, mark, now)
            if loaded is not None:
                stored = replace(loaded.stored, databases=databases.get(item.id))
                found[item.id] = LoadedInstance(item, loaded.judged, stored)
        return found

    def keep(self, loaded: LoadedInstance) -> None:
        """Keep one that was read."""
        KeptWorlds(self.deps, self.text).put(loaded)

    def note(self, loaded: LoadedInstance, username: str, found: Lacking) -> None:
        """Keep what was found of one."""
        stored = loaded.stored
        left = LeftBySync.of(loaded.instance, stored.mark)
        on = SoughtOn(left, self.text, stored.databases, username)
        self.deps.store.looked_through.lacking.put(on, found)
