"""What of a sync of accounts is news, and what is a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from sync_pipeline.model.change import Reconciliation
from sync_pipeline.model.event import EventOrigin
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.snapshot import SectionState, SectionStatus, Snapshot
from sync_pipeline.workflows.dependencies import SyncDeps

_ALWAYS = SectionKey(SectionName.ACCOUNTS)
"""A section that each sync looks at."""


@dataclass(frozen=True, slots=True)
class SyncNews:
    """Where the events of a sync come from, and how the last one before it read each section."""

    origin: EventOrigin
    sections: Mapping[SectionKey, SectionStatus]

    @classmethod
    def of(
        cls,
        deps: SyncDeps,
        origin: EventOrigin,
        sections: Sequence[SectionState],
        result: Reconciliation,
    ) -> Self | None:
        """Return them; None: the sync is a baseline.

        It is where no account was known, and where the instance had been removed from the fleet
        and was added again since the last sync.
        """
        if result.is_baseline or not sections:
            return None
        returned_at = deps.store.registry.returned_at(origin.instance_id)
        # By a clock that was set back, those of databases that are gone may be newer.
        dates = {item.key: item.checked_at for item in sections}
        last = dates.get(_ALWAYS) or max(dates.values())
        if returned_at is not None and last < returned_at:
            return None
        # Those of databases that were gone by then are older: one that is made again is new.
        there = (item for item in sections if item.checked_at == last)
        return cls(origin, {item.key: item.report.status for item in there})

    @property
    def databases(self) -> frozenset[str]:
        """Return the databases with a catalog of their own that the last sync found."""
        return frozenset(key.database for key in self.sections)

    def is_read_as_before(self, result: Reconciliation, snapshot: Snapshot) -> bool:
        """Return whether the same sections were read.

        A database that is gone is as well as read, and of a new one what is in it counts.
        """
        databases = self.databases
        new = {key.database for key in result.sections} - databases
        return (
            all(
                self.sections.get(key) == report.status
                for key, report in result.sections.items()
                if key.database not in new
            )
            and all(key in result.sections for key in self.sections if not key.database)
            and not any(fact.database in new for fact in snapshot.server_facts)
        )

    def facts_before(
        self, deps: SyncDeps, instance: Instance, result: Reconciliation, snapshot: Snapshot
    ) -> Iterable[ServerFact]:
        """Return what the server was set to before, as far as that is comparable with now.

        What was not read is not kept: where other sections were read, it counts as it is now.
        """
        then = {key: status for key, status in self.sections.items() if key.name in OF_SERVER}
        now = {
            key: report.status for key, report in result.sections.items() if key.name in OF_SERVER
        }
        if then != now:
            return snapshot.server_facts
        return [fact for fact, _ in deps.store.server_facts.of(instance.id)]
